//! One call of an AWS API: body, route, signature, operation, answer.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use hyper::body::Incoming;
use limits::{GATEWAY_SMALL_BODY_BYTES, WIRE_BODY_BYTES};
use tokio::sync::OwnedSemaphorePermit;
use wire::{
    AnyShape, Caller, Error, EventSource, EventStream, HttpRequest, Input, Routed, ServiceCall,
    Unrouted,
};

use crate::answer::{self, Body, from_wire};
use crate::authenticate::Sent;
use crate::builder::ConnectionLimits;
use crate::dispatch::{Connection, Logged};
use crate::patience::{BodyError, Paced};
use registry::BoxError;

impl Connection {
    pub(crate) async fn call_api(
        &self,
        request: Request<Incoming>,
        request_id: &str,
        logged: &mut Logged,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let read = self.read_body(&head.headers, body).await;
        // The memory is given back when the call is over.
        let (body, _memory) = match read {
            Ok((body, memory)) => (Ok(body), memory),
            Err(error) => (Err(error), None),
        };
        let request = HttpRequest {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body: body.as_deref().unwrap_or_default(),
        };
        let routed = match self.parts.router.route(&request) {
            Ok(routed) => routed,
            Err(unrouted) => {
                // What is wrong with the body comes first: a form's operation is in it.
                let error = body.err().unwrap_or(unrouted.error);
                logged.error = Some(error.to_string());
                return from_wire(Unrouted { error, ..unrouted }.respond(request_id));
            }
        };
        logged.service = routed.service.name;
        logged.operation = routed.operation.name;
        let result = match body {
            Ok(_) => {
                self.call_operation(&routed, &request, request_id, logged)
                    .await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            logged.error = Some(error.to_string());
        }
        match result.as_ref().ok().and_then(event_source) {
            Some(source) => answer::events(source, self.signal.clone()),
            None => from_wire(routed.respond(request_id, &result)),
        }
    }

    async fn call_operation(
        &self,
        routed: &Routed,
        request: &HttpRequest<'_>,
        request_id: &str,
        logged: &mut Logged,
    ) -> Result<Box<dyn AnyShape>, Error> {
        let sent = Sent {
            method: request.method.as_str(),
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body,
            source_ip: self.peer.ip(),
            request_id,
        };
        let caller = self
            .parts
            .authenticate(&sent, routed.service.signing_name)?;
        logged.caller = Some(caller.arn());
        // Agents are part of the server's own doing, and their words must not be lost.
        if !matches!(caller.principal, wire::Principal::Node { .. }) {
            let now = self.parts.clock.monotonic();
            let (service, operation) = (routed.service.name, routed.operation.name);
            self.parts
                .throttler
                .admit(&caller.account, service, operation, now)?;
        }
        let service = self
            .parts
            .services
            .get(routed.service.name)
            .ok_or_else(|| Error::internal("the service of this operation is not running"))?;
        let call = service.call(ServiceCall {
            service: routed.service,
            operation: routed.operation,
            caller: &caller,
            authorizer: self.parts.authorizer.as_ref(),
            input: Input::Wire(routed, request),
        });
        // A bug in one operation must neither cut its client off without an answer nor hide.
        let answered = AssertUnwindSafe(call).catch_unwind().await;
        answered.unwrap_or_else(|panic| Err(panicked(routed, &caller, panic.as_ref())))
    }

    async fn read_body(
        &self,
        headers: &http::HeaderMap,
        body: Incoming,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Error> {
        let declared = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > WIRE_BODY_BYTES) {
            return Err(too_large());
        }
        let ConnectionLimits {
            body: after, stall, ..
        } = self.parts.limits;
        let most = match declared {
            Some(length) => length,
            None if headers.contains_key(TRANSFER_ENCODING) => WIRE_BODY_BYTES,
            None => 0,
        };
        let paced = Paced::new(body, self.parts.clock.clone(), stall);
        let reading = async {
            let memory = self.memory_for(most).await;
            read_limited(paced)
                .await
                .map(|read| (read.to_bytes(), memory))
        };
        match self.parts.clock.timeout(after, reading).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) if matches!(error.downcast_ref(), Some(BodyError::Slow)) => {
                Err(late(format!("The request was given up: {error}.")))
            }
            Ok(Err(error)) => Err(Error::client(
                "SerializationException",
                format!("The request's body could not be read: {error}"),
            )),
            Err(_) => Err(late(format!(
                "The request's body did not arrive within {} s.",
                after.as_secs_f64()
            ))),
        }
    }

    /// Room for a body; none is needed for a small one.
    async fn memory_for(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        if bytes <= GATEWAY_SMALL_BODY_BYTES {
            return None;
        }
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.parts.body_memory);
        memory.acquire_many_owned(kibibytes).await.ok()
    }
}

/// Of an answer that is a stream of events.
#[allow(clippy::borrowed_box)] // as the call gives it
fn event_source(answer: &Box<dyn AnyShape>) -> Option<Box<dyn EventSource>> {
    let any: &dyn Any = &**answer;
    any.downcast_ref::<EventStream>()?.take()
}

/// A function of its own: within an async function the compiler cannot tell that this future is Send.
fn read_limited(body: Paced) -> impl Future<Output = Result<Collected<Bytes>, BoxError>> + Send {
    Limited::new(body, WIRE_BODY_BYTES).collect()
}

fn late(message: String) -> Error {
    Error::client("RequestTimeoutException", message).with_status(408)
}

fn too_large() -> Error {
    let message = format!("The request's body is larger than {WIRE_BODY_BYTES} bytes.");
    Error::client("RequestEntityTooLargeException", message).with_status(413)
}

fn panicked(routed: &Routed, caller: &Caller, panic: &(dyn std::any::Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(
        operation = routed.operation.name,
        request_id = caller.request_id,
        panic = said,
        "an operation panicked"
    );
    Error::internal("An internal error occurred.")
}
