//! The agents' websockets: verified as any request, then upgraded and handed on.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use limits::{GATEWAY_SHUTDOWN_GRACE_SECONDS, WEBSOCKET_MESSAGE_BYTES, WEBSOCKET_READ_BYTES};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role as SocketRole, WebSocketConfig};
use wire::{Access, BoxFuture, Caller, Error};

use crate::ShutdownSignal;
use crate::answer::{Body, handshake_refusal, text};
use crate::authenticate::Sent;
use crate::dispatch::{Connection, Logged};

/// A websocket's server side.
pub type ServerSocket = WebSocketStream<TokioIo<Upgraded>>;

/// The signing name of the agent protocol.
const SERVICE: &str = "ecs";

/// A verified request to open a websocket.
#[derive(Debug, Clone)]
pub struct WebSocketRequest {
    pub caller: Caller,
    pub path: String,
    /// As sent, without the question mark.
    pub query: String,
    /// When it resolves, the handler says goodbye to its peer; it is ended a little later anyhow.
    pub shutdown: ShutdownSignal,
}

/// Serves one kind of websocket.
pub trait WebSocketHandler: Send + Sync {
    /// What opening this websocket asks to be allowed.
    fn access(&self, request: &WebSocketRequest) -> Access;

    /// The last word before the upgrade; an error is what the peer's handshake is answered with.
    fn admit(&self, request: &WebSocketRequest) -> Result<(), Error> {
        let _ = request;
        Ok(())
    }

    /// Runs until the websocket is done with.
    fn open(
        self: Arc<Self>,
        request: WebSocketRequest,
        socket: ServerSocket,
    ) -> BoxFuture<'static, ()>;
}

impl Connection {
    pub(crate) async fn open_websocket(
        &self,
        mut request: Request<Incoming>,
        handler: Arc<dyn WebSocketHandler>,
        request_id: &str,
        logged: &mut Logged,
    ) -> Response<Body> {
        (logged.service, logged.operation) = ("ecs", "WebSocket");
        let Some(key) = upgrade_key(&request) else {
            return text(
                StatusCode::UPGRADE_REQUIRED,
                "This is a websocket of the Amazon ECS agent protocol.\n",
            );
        };
        let accept = derive_accept_key(key.as_bytes());
        let opened = match self.verify_websocket(&request, &*handler, request_id) {
            Ok(opened) => opened,
            Err(error) => {
                logged.error = Some(error.to_string());
                return handshake_refusal(&error);
            }
        };
        logged.caller = Some(opened.caller.arn());
        self.spawn_handler(hyper::upgrade::on(&mut request), handler, opened);

        let mut response = text(StatusCode::SWITCHING_PROTOCOLS, "");
        let headers = response.headers_mut();
        headers.clear();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }

    fn verify_websocket(
        &self,
        request: &Request<Incoming>,
        handler: &dyn WebSocketHandler,
        request_id: &str,
    ) -> Result<WebSocketRequest, Error> {
        let query = request.uri().query().unwrap_or_default();
        let sent = Sent {
            method: request.method().as_str(),
            path: request.uri().path(),
            query,
            headers: request.headers(),
            body: b"",
            source_ip: self.peer.ip(),
            request_id,
        };
        let opened = WebSocketRequest {
            caller: self.parts.authenticate(&sent, SERVICE)?,
            path: sent.path.to_owned(),
            query: query.to_owned(),
            shutdown: self.signal.clone(),
        };
        let access = handler.access(&opened);
        self.parts.authorizer.authorize(&opened.caller, &access)?;
        handler.admit(&opened)?;
        Ok(opened)
    }

    fn spawn_handler(
        &self,
        upgrade: OnUpgrade,
        handler: Arc<dyn WebSocketHandler>,
        request: WebSocketRequest,
    ) {
        let held = (
            self.busy.clone(),
            Arc::clone(&self.permit),
            Arc::clone(&self.counted),
        );
        let clock = self.parts.clock.clone();
        let mut shutdown = self.signal.clone();
        let running = async move {
            let _held = held;
            let upgraded = match upgrade.await {
                Ok(upgraded) => TokioIo::new(upgraded),
                Err(error) => {
                    tracing::debug!(%error, "a websocket's peer left during the upgrade");
                    return;
                }
            };
            let config = WebSocketConfig::default()
                .max_message_size(Some(WEBSOCKET_MESSAGE_BYTES))
                .max_frame_size(Some(WEBSOCKET_MESSAGE_BYTES))
                .read_buffer_size(WEBSOCKET_READ_BYTES);
            let socket =
                WebSocketStream::from_raw_socket(upgraded, SocketRole::Server, Some(config)).await;
            let handling = handler.open(request, socket);
            let half_of_grace = std::time::Duration::from_secs(GATEWAY_SHUTDOWN_GRACE_SECONDS / 2);
            let stopping = async {
                shutdown.requested().await;
                clock.sleep(half_of_grace).await;
            };
            if let Either::Right(_) = select(handling, stopping.boxed()).await {
                tracing::debug!("a websocket was cut off by the stop of the server");
            }
        };
        self.parts.clock.spawn("gateway-websocket", running);
    }
}

/// The client's key, where the request is a websocket handshake (RFC 6455, section 4.2.1).
fn upgrade_key(request: &Request<Incoming>) -> Option<HeaderValue> {
    let headers = request.headers();
    let has = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    let is_handshake = *request.method() == Method::GET
        && has(CONNECTION, "upgrade")
        && has(UPGRADE, "websocket")
        && has(SEC_WEBSOCKET_VERSION, "13");
    is_handshake.then(|| headers.get(SEC_WEBSOCKET_KEY).cloned())?
}
