//! Signs and sends one AWS operation over HTTP; opens signed websockets; streams plain requests.
//!
//! The agent, the command line and tests reach a server only through this, as any SDK would. No
//! connection is shared across endpoints, and a call is tried again only where its owner asked.

mod answer;
mod call;
mod endpoint;
mod error;
mod pool;
mod request;
mod retry;
mod stream;
mod trust;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use identity::Credentials;
use limits::CLIENT_CALL_TIMEOUT_SECONDS;

pub use endpoint::Endpoint;
pub use error::{BoxError, Error};
pub use request::{RequestBody, empty_body, full_body};
pub use retry::Retries;
pub use stream::Stream;
pub use trust::Trust;
pub use websocket::WebSocket;

/// One endpoint, seen with one set of credentials. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    retries: Retries,
    call_timeout: Duration,
}

struct Shared {
    endpoint: Endpoint,
    region: String,
    credentials: Credentials,
    trust: Trust,
    clock: Clock,
    pool: pool::Pool,
}

impl Client {
    /// `endpoint` is a URL such as `http://127.0.0.1:4580`; of one with https, this machine's own
    /// certificate authorities are trusted. Nothing is sent yet.
    pub fn new(
        endpoint: &str,
        region: impl Into<String>,
        credentials: Credentials,
        clock: Clock,
    ) -> Result<Self, Error> {
        Self::trusting(Trust::default(), endpoint, region, credentials, clock)
    }

    pub fn trusting(
        trust: Trust,
        endpoint: &str,
        region: impl Into<String>,
        credentials: Credentials,
        clock: Clock,
    ) -> Result<Self, Error> {
        Ok(Self {
            shared: Arc::new(Shared {
                endpoint: Endpoint::parse(endpoint)?,
                region: region.into(),
                credentials,
                trust,
                clock,
                pool: pool::Pool::default(),
            }),
            retries: Retries::NONE,
            call_timeout: Duration::from_secs(CLIENT_CALL_TIMEOUT_SECONDS),
        })
    }

    /// Calls of the returned client are tried again after throttling, server faults and broken
    /// connections. An operation may then run twice: ask for it where that is harmless.
    pub fn with_retries(&self, retries: Retries) -> Self {
        Self {
            retries,
            ..self.clone()
        }
    }

    /// Each attempt of a call gets this long.
    pub fn with_call_timeout(&self, call_timeout: Duration) -> Self {
        Self {
            call_timeout,
            ..self.clone()
        }
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    pub fn region(&self) -> &str {
        &self.shared.region
    }
}
