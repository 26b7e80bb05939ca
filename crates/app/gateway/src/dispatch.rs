//! What kind of request it is.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::{Body, text, with_request_id};
use crate::builder::Parts;
use crate::serve::Busy;
use crate::{Role, ShutdownSignal};

const WELCOME: &str = "\
This is Gantry, your own Amazon ECS.

It serves the AWS APIs here: point an AWS SDK or the AWS CLI at this address,
for instance with `aws --endpoint-url http://THIS_ADDRESS ecs list-clusters`.
`gantry configure` writes an AWS profile with address and credentials.
Images are pushed and pulled at this address too (/v2/).
";

/// One connection and what its requests need.
pub(crate) struct Connection {
    pub(crate) parts: Arc<Parts>,
    pub(crate) roles: Arc<[Role]>,
    pub(crate) peer: SocketAddr,
    pub(crate) signal: ShutdownSignal,
    /// A stop waits until no connection holds one.
    pub(crate) busy: Busy,
    /// The connection's share of the limit; a websocket keeps it when the HTTP connection has become it.
    pub(crate) permit: Arc<OwnedSemaphorePermit>,
}

/// What the access log says besides the request line.
#[derive(Default)]
pub(crate) struct Logged {
    pub(crate) operation: &'static str,
    pub(crate) caller: String,
    pub(crate) error: String,
}

impl Connection {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let started = self.parts.clock.monotonic();
        let request_id = self.parts.clock.uuid();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let mut logged = Logged::default();
        let response = self.dispatch(request, &request_id, &mut logged).await;
        let taken = self.parts.clock.monotonic().saturating_sub(started);
        tracing::info!(
            target: "gantry::access",
            request_id,
            peer = %self.peer,
            %method,
            path,
            operation = logged.operation,
            caller = logged.caller,
            status = response.status().as_u16(),
            error = logged.error,
            microseconds = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX),
        );
        with_request_id(response, &request_id)
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        request_id: &str,
        logged: &mut Logged,
    ) -> Response<Body> {
        let path = request.uri().path();
        let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
        if is_get && path == "/healthz" {
            return text(StatusCode::OK, "ok\n");
        }
        if let Some(handler) = self.websocket_at(path) {
            return self
                .open_websocket(request, handler, request_id, logged)
                .await;
        }
        if let Some(registry) = self.registry_for(&request) {
            return registry.handle(request).await.map(Body::Streamed);
        }
        if is_get && path == "/" && !is_signed(&request) {
            return text(StatusCode::OK, WELCOME);
        }
        if !self.roles.contains(&Role::Api) {
            return text(
                StatusCode::NOT_FOUND,
                "The AWS APIs are served at another address.\n",
            );
        }
        self.call_api(request, request_id, logged).await
    }

    fn websocket_at(&self, path: &str) -> Option<Arc<dyn crate::WebSocketHandler>> {
        if !self.roles.contains(&Role::Agents) {
            return None;
        }
        let known = self.parts.websockets.iter().find(|(at, _)| *at == path);
        known.map(|(_, handler)| Arc::clone(handler))
    }

    /// AWS has REST APIs below `/v2/` as well; their requests are signed, a registry's never.
    fn registry_for(&self, request: &Request<Incoming>) -> Option<&registry::Registry> {
        let path = request.uri().path();
        let is_registry = self.roles.contains(&Role::Registry)
            && (path == "/v2" || path.starts_with("/v2/"))
            && !is_signed(request);
        is_registry
            .then_some(self.parts.registry.as_ref())
            .flatten()
    }
}

/// Whether the request claims a signature at all, good or bad.
fn is_signed(request: &Request<Incoming>) -> bool {
    let authorization = request.headers().get(AUTHORIZATION);
    let in_header = authorization.is_some_and(|value| value.as_bytes().starts_with(b"AWS4-"));
    let query = request.uri().query().unwrap_or_default();
    in_header || query.contains("X-Amz-Signature=")
}
