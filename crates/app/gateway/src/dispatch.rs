//! What kind of request it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::{Body, text, typed, with_request_id};
use crate::builder::Parts;
use crate::metrics::{self, Metrics};
use crate::patience::Paced;
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
    pub(crate) is_tls: bool,
    pub(crate) signal: ShutdownSignal,
    /// A stop waits until no connection holds one.
    pub(crate) busy: Busy,
    /// The connection's share of the limit; a websocket keeps it when the HTTP connection has become it.
    pub(crate) permit: Arc<OwnedSemaphorePermit>,
    pub(crate) counted: Arc<Counted>,
}

/// What the access log says besides the request line.
#[derive(Default)]
pub(crate) struct Logged {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) caller: Option<String>,
    pub(crate) error: Option<String>,
    /// A machine's regular question, not worth a line each time.
    pub(crate) is_probe: bool,
}

/// An open connection in the metrics.
pub(crate) struct Counted(Arc<Metrics>);

impl Counted {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(metrics))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let started = self.parts.clock.monotonic();
        let request_id = self.parts.clock.uuid();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let mut logged = Logged::default();
        let under_way = self.parts.metrics.begin();
        let response = self.dispatch(request, &request_id, &mut logged).await;
        drop(under_way);
        let taken = self.parts.clock.monotonic().saturating_sub(started);
        let status = response.status().as_u16();
        self.parts
            .metrics
            .answered(logged.service, logged.operation, status, taken);
        self.log(
            &logged,
            status,
            &format!("{method} {path}"),
            taken,
            &request_id,
        );
        with_request_id(response, &request_id)
    }

    /// The access log: `200 ecs RunTask (POST /) 3.1 ms`, and from whom.
    fn log(&self, logged: &Logged, status: u16, line: &str, taken: Duration, request_id: &str) {
        let Logged {
            service, operation, ..
        } = logged;
        let milliseconds = taken.as_secs_f64() * 1_000.0;
        if logged.is_probe {
            tracing::debug!(target: "access", "{status} {operation} ({line})");
            return;
        }
        tracing::info!(
            target: "access",
            peer = %self.peer,
            caller = logged.caller,
            error = logged.error,
            request_id,
            "{status} {service} {operation} ({line}) {milliseconds:.1} ms",
        );
    }

    async fn dispatch(
        &self,
        request: Request<Incoming>,
        request_id: &str,
        logged: &mut Logged,
    ) -> Response<Body> {
        let path = request.uri().path();
        let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
        logged.service = "gateway";
        logged.operation = "Page";
        if is_get && path == "/healthz" {
            (logged.operation, logged.is_probe) = ("Health", true);
            return match self.parts.draining.load(Ordering::Relaxed) {
                false => text(StatusCode::OK, "ok\n"),
                true => text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
            };
        }
        if is_get && path == "/metrics" && self.roles.contains(&Role::Metrics) {
            (logged.operation, logged.is_probe) = ("Metrics", true);
            let page = self.parts.metrics.page(&self.parts.collectors);
            return typed(StatusCode::OK, metrics::CONTENT_TYPE, page);
        }
        if let Some(handler) = self.websocket_at(path) {
            return self
                .open_websocket(request, handler, request_id, logged)
                .await;
        }
        if let Some(registry) = self.registry_for(&request) {
            logged.service = "registry";
            logged.operation = match *request.method() {
                Method::GET | Method::HEAD => "Pull",
                Method::DELETE => "Delete",
                _ => "Push",
            };
            return registry
                .handle(self.for_registry(request))
                .await
                .map(Body::Streamed);
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
        logged.operation = "Unknown";
        self.call_api(request, request_id, logged).await
    }

    /// With a body that must not stand still, and what the registry needs to name its own address.
    fn for_registry(&self, mut request: Request<Incoming>) -> Request<Paced> {
        if self.is_tls {
            let name = HeaderName::from_static("x-forwarded-proto");
            let https = HeaderValue::from_static("https");
            request.headers_mut().insert(name, https);
        }
        let stall = self.parts.limits.stall;
        request.map(|body| Paced::new(body, self.parts.clock.clone(), stall))
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
