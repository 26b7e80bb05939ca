//! What a gateway is made of.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clock::Clock;
use identity::{FindAccessKey, Verifier};
use registry::Registry;
use tokio::sync::Semaphore;
use wire::{Authorizer, Router, Service};

use crate::authenticate::Authentication;
use crate::metrics::Metrics;
use crate::throttle::Throttler;
use crate::{Collect, Listener, PrincipalPolicy, Throttle, WebSocketHandler};

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error(
        "{address} is reachable by other machines, and without TLS they would send secrets in the open: give it a \
         certificate, or allow plain HTTP explicitly if the network is safe"
    )]
    PlainHttp { address: SocketAddr },
    #[error(
        "{address} is reachable by other machines, so requests there have to be signed: --no-auth is for loopback"
    )]
    NoAuthentication { address: SocketAddr },
    #[error("TLS cannot use the certificate: {reason}")]
    Certificate { reason: String },
    #[error("no address to listen on was given")]
    NoListener,
    #[error("access keys are needed to verify requests, and none were given")]
    NoCredentials,
    #[error("cannot listen on {address}: {source}")]
    Bind {
        address: SocketAddr,
        source: std::io::Error,
    },
}

/// A gateway that is set up but does not listen yet.
pub struct Gateway {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) parts: Arc<Parts>,
}

/// What every request needs.
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) router: Router,
    pub(crate) services: HashMap<&'static str, Arc<dyn Service>>,
    pub(crate) registry: Option<Registry>,
    pub(crate) websockets: Vec<(&'static str, Arc<dyn WebSocketHandler>)>,
    pub(crate) authentication: Authentication,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) region: String,
    pub(crate) limits: ConnectionLimits,
    pub(crate) throttler: Throttler,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) collectors: Vec<Arc<dyn Collect>>,
    pub(crate) drain_delay: Duration,
    pub(crate) draining: AtomicBool,
    /// KiB that bodies of API requests may take in memory, all together.
    pub(crate) body_memory: Arc<Semaphore>,
}

/// How long a client may take. The defaults are those of crate `limits`.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a request's headers, and the longest idle time of a connection.
    pub headers: Duration,
    /// For the whole body of an API request.
    pub body: Duration,
    /// How long a body may be waited for, or an answer not be taken, before the connection is given up.
    pub stall: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(limits::GATEWAY_HANDSHAKE_TIMEOUT_SECONDS),
            headers: Duration::from_secs(limits::GATEWAY_HEADER_TIMEOUT_SECONDS),
            body: Duration::from_secs(limits::GATEWAY_BODY_TIMEOUT_SECONDS),
            stall: Duration::from_secs(limits::GATEWAY_STALL_SECONDS),
        }
    }
}

pub struct GatewayBuilder {
    clock: Clock,
    region: String,
    listeners: Vec<Listener>,
    services: Vec<Arc<dyn Service>>,
    registry: Option<Registry>,
    websockets: Vec<(&'static str, Arc<dyn WebSocketHandler>)>,
    credentials: Option<Arc<dyn FindAccessKey>>,
    no_authentication_account: Option<String>,
    authorizer: Arc<dyn Authorizer>,
    limits: ConnectionLimits,
    throttle: Throttle,
    collectors: Vec<Arc<dyn Collect>>,
    drain_delay: Duration,
}

impl Gateway {
    /// `region` is the one that requests have to be signed for.
    pub fn builder(clock: Clock, region: impl Into<String>) -> GatewayBuilder {
        GatewayBuilder {
            clock,
            region: region.into(),
            listeners: Vec::new(),
            services: Vec::new(),
            registry: None,
            websockets: Vec::new(),
            credentials: None,
            no_authentication_account: None,
            authorizer: Arc::new(PrincipalPolicy::default()),
            limits: ConnectionLimits::default(),
            throttle: Throttle::default(),
            collectors: Vec::new(),
            drain_delay: Duration::ZERO,
        }
    }
}

impl GatewayBuilder {
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    pub fn service(mut self, service: Arc<dyn Service>) -> Self {
        self.services.push(service);
        self
    }

    /// Serves `/v2/`.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Serves a websocket at exactly this path.
    pub fn websocket(mut self, path: &'static str, handler: Arc<dyn WebSocketHandler>) -> Self {
        self.websockets.push((path, handler));
        self
    }

    pub fn credentials(mut self, credentials: Arc<dyn FindAccessKey>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Every request is root's of this account, signed or not. Only on loopback.
    pub fn no_authentication(mut self, account: impl Into<String>) -> Self {
        self.no_authentication_account = Some(account.into());
        self
    }

    /// In place of [`PrincipalPolicy`].
    pub fn authorizer(mut self, authorizer: Arc<dyn Authorizer>) -> Self {
        self.authorizer = authorizer;
        self
    }

    pub fn limits(mut self, limits: ConnectionLimits) -> Self {
        self.limits = limits;
        self
    }

    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.throttle = throttle;
        self
    }

    /// Adds to `/metrics`.
    pub fn collect(mut self, collector: Arc<dyn Collect>) -> Self {
        self.collectors.push(collector);
        self
    }

    /// How long a stop serves on while `/healthz` says 503 already, so that a balancer in front goes elsewhere.
    pub fn drain_delay(mut self, drain_delay: Duration) -> Self {
        self.drain_delay = drain_delay;
        self
    }

    pub fn build(self) -> Result<Gateway, GatewayError> {
        if self.listeners.is_empty() {
            return Err(GatewayError::NoListener);
        }
        self.listeners.iter().try_for_each(Listener::check)?;
        let authentication = match (self.no_authentication_account, self.credentials) {
            (Some(account), _) => {
                let exposed = |listener: &&Listener| {
                    !listener.address.ip().is_loopback() && !listener.tells_numbers_only()
                };
                if let Some(listener) = self.listeners.iter().find(exposed) {
                    let address = listener.address;
                    return Err(GatewayError::NoAuthentication { address });
                }
                Authentication::None { account }
            }
            (None, Some(keys)) => Authentication::Signatures(Verifier::new(keys)),
            (None, None) => return Err(GatewayError::NoCredentials),
        };
        let router = Router::new(self.services.iter().map(|service| service.schema()));
        let services = self
            .services
            .into_iter()
            .map(|service| (service.schema().name, service))
            .collect();
        Ok(Gateway {
            listeners: self.listeners,
            parts: Arc::new(Parts {
                clock: self.clock,
                router,
                services,
                registry: self.registry,
                websockets: self.websockets,
                authentication,
                authorizer: self.authorizer,
                region: self.region,
                limits: self.limits,
                throttler: Throttler::new(self.throttle),
                metrics: Arc::default(),
                collectors: self.collectors,
                drain_delay: self.drain_delay,
                draining: AtomicBool::new(false),
                body_memory: Arc::new(Semaphore::new(limits::GATEWAY_BODY_MEMORY_BYTES / 1024)),
            }),
        })
    }
}
