//! From an HTTP request to service, operation and protocol, and from a result back to an HTTP response.

use std::collections::HashMap;

use http::{HeaderMap, Method};

use crate::{
    AnyShape, DecodeError, Error, OperationSchema, Protocol, ServiceSchema, Shape, json_rpc,
};

/// A request whose body has been read (the gateway bounds it to [`limits::WIRE_BODY_BYTES`]).
#[derive(Debug, Clone, Copy)]
pub struct HttpRequest<'a> {
    pub method: &'a Method,
    /// As sent, percent-encoded.
    pub path: &'a str,
    /// Without the question mark; empty if there is none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

pub type HttpResponse = http::Response<Vec<u8>>;

impl HttpRequest<'_> {
    /// A header's text; empty if absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// Which operation a request means. The signature is verified next, so even what nothing serves is named here.
#[derive(Debug, Clone)]
pub struct Routed {
    pub service: &'static ServiceSchema,
    pub operation: &'static OperationSchema,
    pub protocol: Protocol,
}

/// A request that means no operation, with the protocol to answer in.
#[derive(Debug, Clone, PartialEq)]
pub struct Unrouted {
    pub protocol: Protocol,
    pub error: Error,
}

/// Finds the operation of a request, by tables that are built once.
pub struct Router {
    targets: HashMap<&'static str, &'static ServiceSchema>,
}

impl Router {
    pub fn new(services: impl IntoIterator<Item = &'static ServiceSchema>) -> Self {
        let mut router = Router {
            targets: HashMap::new(),
        };
        for service in services {
            if !service.target_prefix.is_empty() {
                router.targets.insert(service.target_prefix, service);
            }
        }
        router
    }

    /// The operation of a request. What is no API call at all (no target, no form, no known path) is an error too.
    pub fn route(&self, request: &HttpRequest<'_>) -> Result<Routed, Unrouted> {
        let target = request.header("x-amz-target");
        let protocol = json_rpc::protocol_of(request.header("content-type"));
        let unknown = || Unrouted {
            protocol,
            error: unknown_operation(),
        };
        let (prefix, name) = target.rsplit_once('.').ok_or_else(unknown)?;
        let service = *self.targets.get(prefix).ok_or_else(unknown)?;
        let operation = service.operation(name).ok_or_else(unknown)?;
        Ok(Routed {
            service,
            operation,
            protocol,
        })
    }
}

fn unknown_operation() -> Error {
    Error::client(
        "UnknownOperationException",
        "The requested operation is not known to this endpoint.",
    )
}

impl Routed {
    pub fn decode<T: Shape>(&self, request: &HttpRequest<'_>) -> Result<T, DecodeError> {
        let mut shape = T::default();
        self.decode_into(&mut shape, request)?;
        Ok(shape)
    }

    /// Fills a shape of the operation's input schema.
    pub fn decode_into(
        &self,
        shape: &mut dyn AnyShape,
        request: &HttpRequest<'_>,
    ) -> Result<(), DecodeError> {
        match self.protocol {
            Protocol::Json10 | Protocol::Json11 => crate::json::read_into(shape, request.body),
            other => Err(DecodeError::new(format!("{other:?} is not spoken here"))),
        }
    }

    /// The answer on the wire.
    pub fn respond(
        &self,
        request_id: &str,
        result: &Result<Box<dyn AnyShape>, Error>,
    ) -> HttpResponse {
        match result {
            Ok(shape) => {
                json_rpc::success(self.protocol, self.operation, request_id, shape.as_ref())
            }
            Err(error) => respond_error(self.protocol, request_id, error, Some(self.service)),
        }
    }

    pub fn respond_error(&self, request_id: &str, error: &Error) -> HttpResponse {
        respond_error(self.protocol, request_id, error, Some(self.service))
    }
}

impl Unrouted {
    pub fn respond(&self, request_id: &str) -> HttpResponse {
        respond_error(self.protocol, request_id, &self.error, None)
    }
}

fn respond_error(
    protocol: Protocol,
    id: &str,
    error: &Error,
    service: Option<&'static ServiceSchema>,
) -> HttpResponse {
    json_rpc::failure(
        protocol,
        id,
        error,
        service.is_some_and(|service| service.query_compatible),
    )
}
