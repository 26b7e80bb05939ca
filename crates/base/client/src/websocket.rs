//! Signed websockets, as agents open them to ACS and TCS.

use std::time::Duration;

use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request};
use limits::{CLIENT_CONNECT_TIMEOUT_SECONDS, WEBSOCKET_MESSAGE_BYTES, WEBSOCKET_READ_BYTES};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::{Client, Error, Stream};

pub type WebSocket = WebSocketStream<Stream>;

/// The signing name of the agent protocol.
const SERVICE: &str = "ecs";

impl Client {
    /// Opens `path_and_query` of this endpoint as a websocket, signed over an empty body.
    pub async fn websocket(&self, path_and_query: &str) -> Result<WebSocket, Error> {
        let mut headers = HeaderMap::new();
        self.sign(&Method::GET, path_and_query, &mut headers, b"", SERVICE);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let key = HeaderValue::from_str(&generate_key())
            .map_err(|error| Error::Request(error.to_string()))?;
        headers.insert(SEC_WEBSOCKET_KEY, key);
        let mut request = Request::get(format!(
            "ws://{}{path_and_query}",
            self.shared.endpoint.authority()
        ))
        .body(())
        .map_err(|error| Error::Request(error.to_string()))?;
        *request.headers_mut() = headers;

        let stream = self.connect_stream().await?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(WEBSOCKET_MESSAGE_BYTES))
            .max_frame_size(Some(WEBSOCKET_MESSAGE_BYTES))
            .read_buffer_size(WEBSOCKET_READ_BYTES);
        let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        // The handshake is one small round trip, so it gets as long as connecting.
        let after = Duration::from_secs(CLIENT_CONNECT_TIMEOUT_SECONDS);
        match self.shared.clock.timeout(after, handshake).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(SocketError::Http(response))) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err(Error::WebSocketRefused {
                    endpoint: self.shared.endpoint.to_string(),
                    status: response.status().as_u16(),
                    body: String::from_utf8_lossy(body).into_owned(),
                })
            }
            Ok(Err(error)) => Err(self.broken(error)),
            Err(_) => Err(self.timed_out(after)),
        }
    }
}
