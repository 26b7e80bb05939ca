//! Where the endpoint listens, and for whom.

use std::net::SocketAddr;

use crate::{GatewayError, Tls};

/// What a listener serves. The health check is on every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The AWS APIs.
    Api,
    /// The image registry, `/v2/`.
    Registry,
    /// The agents' websockets.
    Agents,
    /// `/metrics`, for whoever can reach the listener: Prometheus signs nothing.
    Metrics,
}

#[derive(Debug, Clone)]
pub struct Listener {
    pub address: SocketAddr,
    pub roles: Vec<Role>,
    /// An operator's word that the network between here and the clients is safe.
    pub allow_plain_http: bool,
    pub tls: Option<Tls>,
}

impl Listener {
    /// Everything at one address; the metrics only where it is this machine's own.
    pub fn all(address: SocketAddr) -> Self {
        let mut roles = vec![Role::Api, Role::Registry, Role::Agents];
        if address.ip().is_loopback() {
            roles.push(Role::Metrics);
        }
        Self {
            address,
            roles,
            allow_plain_http: false,
            tls: None,
        }
    }

    pub fn tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// Nothing but health and metrics.
    pub fn metrics(address: SocketAddr) -> Self {
        Self::all(address).roles([Role::Metrics])
    }

    pub(crate) fn tells_numbers_only(&self) -> bool {
        self.roles == [Role::Metrics]
    }

    pub fn roles(self, roles: impl Into<Vec<Role>>) -> Self {
        Self {
            roles: roles.into(),
            ..self
        }
    }

    pub fn allow_plain_http(self, allow: bool) -> Self {
        Self {
            allow_plain_http: allow,
            ..self
        }
    }

    /// Signatures protect a request from change, not from being read.
    pub(crate) fn check(&self) -> Result<(), GatewayError> {
        let is_safe = self.address.ip().is_loopback() || self.tls.is_some();
        if is_safe || self.allow_plain_http || self.tells_numbers_only() {
            return Ok(());
        }
        Err(GatewayError::PlainHttp {
            address: self.address,
        })
    }
}
