//! Operations, the services that handle them, and the one path every call takes.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use crate::{
    Access, AnyShape, Authorizer, Caller, Error, HttpRequest, OperationSchema, Routed,
    ServiceSchema, Shape, validate,
};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The marker type of an operation: `api_ecs::operations::RunTask`.
pub trait Operation: Send + Sync + 'static {
    type Input: Shape;
    type Output: Shape;
    const SCHEMA: &'static OperationSchema;
    const SERVICE: &'static ServiceSchema;
}

/// One operation of a service, in a file of its own.
pub trait Handle<O: Operation>: Send + Sync {
    /// What the call asks to be allowed; computed from the input alone.
    fn access(&self, caller: &Caller, input: &O::Input) -> Access;
    fn handle(
        &self,
        caller: &Caller,
        input: O::Input,
    ) -> impl Future<Output = Result<O::Output, Error>> + Send;
}

/// A service behind `dyn`; the generated `Server<S>` implements it.
pub trait Service: Send + Sync {
    fn schema(&self) -> &'static ServiceSchema;
    fn call<'a>(&'a self, call: ServiceCall<'a>)
    -> BoxFuture<'a, Result<Box<dyn AnyShape>, Error>>;
}

pub struct ServiceCall<'a> {
    pub service: &'static ServiceSchema,
    pub operation: &'static OperationSchema,
    pub caller: &'a Caller,
    pub authorizer: &'a dyn Authorizer,
    pub input: Input<'a>,
}

/// What a call brings: an HTTP request, or the typed input of another service of this process.
pub enum Input<'a> {
    Wire(&'a Routed, &'a HttpRequest<'a>),
    Shape(Box<dyn AnyShape>),
}

impl ServiceCall<'_> {
    fn take_input<T: Shape>(self) -> Result<T, Error> {
        match self.input {
            Input::Wire(routed, request) => Ok(routed.decode(request)?),
            Input::Shape(shape) => {
                let any: Box<dyn Any> = shape;
                let typed = any
                    .downcast::<T>()
                    .map_err(|_| Error::internal("the input is of another operation"))?;
                Ok(*typed)
            }
        }
    }
}

/// What the generated dispatch calls for a served operation: decode, validate, authorise, handle.
pub fn serve<'a, O, S>(
    service: &'a S,
    call: ServiceCall<'a>,
) -> BoxFuture<'a, Result<Box<dyn AnyShape>, Error>>
where
    O: Operation,
    S: Handle<O>,
{
    let (caller, authorizer, schema) = (call.caller, call.authorizer, call.service);
    let input = call.take_input::<O::Input>();
    Box::pin(async move {
        let input = input?;
        if let Some(error) = validate::refuse_invalid(&schema.validation, &input) {
            return Err(error);
        }
        authorizer.authorize(caller, &service.access(caller, &input))?;
        let output = service.handle(caller, input).await?;
        Ok(Box::new(output) as Box<dyn AnyShape>)
    })
}

/// What the generated dispatch answers for an operation that nothing serves.
pub fn refuse<'a>(call: ServiceCall<'a>) -> BoxFuture<'a, Result<Box<dyn AnyShape>, Error>> {
    let error = unsupported(call.service, call.operation.name);
    Box::pin(async move { Err(error) })
}

pub(crate) fn unsupported(service: &ServiceSchema, operation: &str) -> Error {
    let message = format!(
        "Gantry does not support the operation {operation} of {} yet.",
        service.service_id
    );
    Error::client("UnsupportedFeatureException", message)
}

/// Calls a service of this process with authorisation, as its API would be called.
pub async fn call<O: Operation>(
    service: &dyn Service,
    caller: &Caller,
    authorizer: &dyn Authorizer,
    input: O::Input,
) -> Result<O::Output, Error> {
    let call = ServiceCall {
        service: service.schema(),
        operation: O::SCHEMA,
        caller,
        authorizer,
        input: Input::Shape(Box::new(input)),
    };
    let output: Box<dyn Any> = service.call(call).await?;
    output
        .downcast::<O::Output>()
        .map(|output| *output)
        .map_err(|_| Error::internal("the output is of another operation"))
}
