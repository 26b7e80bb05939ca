//! What can go wrong between here and the server, with the endpoint and what to do next.

use std::time::Duration;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{text}` is not an endpoint: {reason} (an endpoint is like http://127.0.0.1:4580)")]
    Endpoint { text: String, reason: &'static str },
    #[error(
        "cannot connect to {endpoint}: {source}. Is Gantry running there? `gantry up` starts it on this machine"
    )]
    Connect {
        endpoint: String,
        source: std::io::Error,
    },
    #[error("{endpoint} and this side could not agree on TLS: {reason}. {hint}")]
    Tls {
        endpoint: String,
        reason: String,
        hint: &'static str,
    },
    #[error("the certificates to trust cannot be used: {0}")]
    Certificates(String),
    #[error(
        "{endpoint} did not answer within {} s. `gantry doctor` looks for the cause on this machine",
        after.as_secs_f64()
    )]
    Timeout { endpoint: String, after: Duration },
    #[error("the connection to {endpoint} broke: {source}")]
    Transport { endpoint: String, source: BoxError },
    #[error("{endpoint} answered what is no answer of an AWS service: {reason}")]
    Answer { endpoint: String, reason: String },
    #[error("{endpoint} refused the websocket with status {status}: {body}")]
    WebSocketRefused {
        endpoint: String,
        status: u16,
        body: String,
    },
    #[error("the request cannot be sent: {0}")]
    Request(String),
    #[error("{0}")]
    Service(wire::Error),
}

impl Error {
    /// The service's error code, where the service answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            Error::Service(error) => Some(&error.code),
            _ => None,
        }
    }

    /// Whether the same request may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Connect { .. } | Error::Timeout { .. } | Error::Transport { .. } => true,
            Error::WebSocketRefused { status, .. } => *status >= 500 || *status == 429,
            Error::Service(error) => {
                error.status >= 500
                    || error.status == 429
                    || matches!(
                        &*error.code,
                        "ThrottlingException" | "Throttling" | "RequestLimitExceeded"
                    )
            }
            Error::Endpoint { .. }
            | Error::Tls { .. }
            | Error::Certificates(_)
            | Error::Answer { .. }
            | Error::Request(_) => false,
        }
    }
}
