//! The agent's two websockets: ACS, which tells it what to run, and TCS, which it tells how things go.

pub mod acs;
pub mod tcs;

use std::time::Duration;

use client::WebSocket;
use clock::Clock;
use link::HandshakeRefusal;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::api::Api;
use crate::error::AgentError;

/// Either end drops a connection of this age, plus up to [`AGE_JITTER`] (agent protocol §2).
const AGE: Duration = Duration::from_secs(30 * 60);
const AGE_JITTER: Duration = Duration::from_secs(5 * 60);
/// Silence from the server of this length, plus as much jitter, means that the connection is dead.
const SILENCE: Duration = Duration::from_secs(60);
/// The last answer of DiscoverPollEndpoint is good for this long (agent protocol §0.2).
pub const ENDPOINT_LIFE: Duration = Duration::from_secs(12 * 3600);
/// Normal ends reconnect at once, but never faster than this.
pub const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// How a connection ended.
#[derive(Debug)]
pub enum End {
    /// Reconnect at once.
    Normal,
    /// Wait a little longer each time.
    Failed(String),
    /// The container instance was deregistered.
    Inactive,
    /// The server does not know this node's credentials.
    Unknown(String),
}

/// A websocket URL in the parts that the client takes.
struct Target {
    endpoint: String,
    path_and_query: String,
}

impl Target {
    /// `endpoint` is what DiscoverPollEndpoint answered; the agent adds `ws` and its query.
    fn of(endpoint: &str, query: &str) -> Self {
        let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let separator = if path.is_empty() { "" } else { "/" };
        Self {
            endpoint: format!("{scheme}://{authority}"),
            path_and_query: format!("/{path}{separator}ws?{query}"),
        }
    }
}

async fn connect(api: &Api, target: &Target) -> Result<WebSocket, End> {
    let client = api
        .client_of(&target.endpoint)
        .map_err(|error| End::Failed(error.to_string()))?;
    client
        .websocket(&target.path_and_query)
        .await
        .map_err(|error| refused(&error))
}

fn refused(error: &client::Error) -> End {
    let client::Error::WebSocketRefused { body, .. } = error else {
        return End::Failed(error.to_string());
    };
    let exception = HandshakeRefusal::parse(body)
        .map(|refusal| refusal.exception)
        .unwrap_or_default();
    let says = |name: &str| exception == name || body.contains(name);
    if says("InactiveInstanceException") {
        End::Inactive
    } else if says("UnrecognizedClientException") || says("InvalidSignatureException") {
        End::Unknown(error.to_string())
    } else {
        End::Failed(error.to_string())
    }
}

/// Close codes that mean nothing bad (agent protocol §2).
fn end_of_close(frame: Option<&CloseFrame>) -> End {
    match frame.map(|frame| frame.code) {
        None
        | Some(CloseCode::Normal | CloseCode::Away | CloseCode::Abnormal | CloseCode::Error) => {
            End::Normal
        }
        Some(code) => End::Failed(format!("the server closed the connection with code {code}")),
    }
}

/// `base` and up to `most` more, drawn by lot.
fn with_jitter(base: Duration, most: Duration, clock: &Clock) -> Duration {
    let share = (clock.random_u64() >> 11) as f64 / (1u64 << 53) as f64;
    base + most.mul_f64(share)
}

fn expired() -> CloseFrame {
    CloseFrame {
        code: CloseCode::Normal,
        reason: "ConnectionExpired: Reconnect to continue".into(),
    }
}

/// Whether an error of an API call says that the server does not know this node.
pub fn is_unknown_node(error: &AgentError) -> bool {
    let AgentError::Client(error) = error else {
        return false;
    };
    matches!(
        error.code(),
        Some("UnrecognizedClientException" | "InvalidSignatureException" | "InvalidClientTokenId")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_websockets() {
        let target = Target::of("http://127.0.0.1:4580/acs", "a=b");
        assert_eq!(target.endpoint, "http://127.0.0.1:4580");
        assert_eq!(target.path_and_query, "/acs/ws?a=b");
        assert_eq!(
            Target::of("http://127.0.0.1:4580", "a").path_and_query,
            "/ws?a"
        );
        assert_eq!(Target::of("http://h:1/x/", "a").path_and_query, "/x/ws?a");
    }

    #[test]
    fn refusals_are_told_apart() {
        let refused = |body: &str| {
            refused(&client::Error::WebSocketRefused {
                endpoint: "e".into(),
                status: 400,
                body: body.into(),
            })
        };
        assert!(matches!(
            refused(r#"{"InactiveInstanceException":"gone"}"#),
            End::Inactive
        ));
        assert!(matches!(
            refused(r#"{"__type":"UnrecognizedClientException"}"#),
            End::Unknown(_)
        ));
        assert!(matches!(refused("busy"), End::Failed(_)));
    }
}
