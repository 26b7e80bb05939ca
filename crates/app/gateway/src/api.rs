//! One call of an AWS API: body, route, signature, operation, answer.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, LengthLimitError, Limited};
use hyper::body::Incoming;
use limits::{GATEWAY_BODY_TIMEOUT_SECONDS, WIRE_BODY_BYTES};
use wire::{AnyShape, Caller, Error, HttpRequest, Input, Routed, ServiceCall, Unrouted};

use crate::answer::{Body, from_wire};
use crate::authenticate::Sent;
use crate::dispatch::{Connection, Logged};
use registry::BoxError;

impl Connection {
    pub(crate) async fn call_api(
        &self,
        request: Request<Incoming>,
        request_id: &str,
        logged: &mut Logged,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = self.read_body(&head.headers, body).await;
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
                logged.error = error.to_string();
                return from_wire(Unrouted { error, ..unrouted }.respond(request_id));
            }
        };
        logged.operation = routed.operation.name;
        let result = match body {
            Ok(_) => {
                self.call_operation(&routed, &request, request_id, logged)
                    .await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            logged.error = error.to_string();
        }
        from_wire(routed.respond(request_id, &result))
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
        logged.caller = caller.arn();
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

    async fn read_body(&self, headers: &http::HeaderMap, body: Incoming) -> Result<Bytes, Error> {
        let declared = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > WIRE_BODY_BYTES) {
            return Err(too_large());
        }
        let after = Duration::from_secs(GATEWAY_BODY_TIMEOUT_SECONDS);
        match self.parts.clock.timeout(after, read_limited(body)).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(Error::client(
                "SerializationException",
                format!("The request's body could not be read: {error}"),
            )),
            Err(_) => {
                let message = format!(
                    "The request's body did not arrive within {} s.",
                    after.as_secs()
                );
                Err(Error::client("RequestTimeoutException", message).with_status(408))
            }
        }
    }
}

/// A function of its own: within an async function the compiler cannot tell that this future is Send.
fn read_limited(body: Incoming) -> impl Future<Output = Result<Collected<Bytes>, BoxError>> + Send {
    Limited::new(body, WIRE_BODY_BYTES).collect()
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
