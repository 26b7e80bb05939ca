//! Where the endpoint listens, and for whom.

use std::net::SocketAddr;

use crate::GatewayError;

/// What a listener serves. The health check is on every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The AWS APIs.
    Api,
    /// The image registry, `/v2/`.
    Registry,
    /// The agents' websockets.
    Agents,
}

#[derive(Debug, Clone)]
pub struct Listener {
    pub address: SocketAddr,
    pub roles: Vec<Role>,
    /// An operator's word that the network between here and the clients is safe.
    pub allow_plain_http: bool,
}

impl Listener {
    /// Everything at one address.
    pub fn all(address: SocketAddr) -> Self {
        Self {
            address,
            roles: vec![Role::Api, Role::Registry, Role::Agents],
            allow_plain_http: false,
        }
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
        if self.address.ip().is_loopback() || self.allow_plain_http {
            return Ok(());
        }
        Err(GatewayError::PlainHttp {
            address: self.address,
        })
    }
}
