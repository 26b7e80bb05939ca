//! The server's side of TLS: a certificate that can be replaced while connections stand.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::GatewayError;

/// A certificate with its key, for listeners. Clones share it: what replaces it, does so for all.
#[derive(Clone)]
pub struct Tls(Arc<ArcSwap<ServerConfig>>);

impl Tls {
    /// Both in PEM; the chain begins with the server's own certificate.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, GatewayError> {
        let config = server_config(chain, key)?;
        Ok(Self(Arc::new(ArcSwap::from_pointee(config))))
    }

    /// For the connections to come.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), GatewayError> {
        self.0.store(Arc::new(server_config(chain, key)?));
        Ok(())
    }

    /// Of connections from now on.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tls")
    }
}

fn server_config(chain: &[u8], key: &[u8]) -> Result<ServerConfig, GatewayError> {
    let unusable = |reason: String| GatewayError::Certificate { reason };
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(format!("the certificate's file: {error}")))?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| unusable(format!("the key's file: {error}")))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // TLS 1.2 and 1.3; what rustls does not do (older versions, weak ciphers) nobody should.
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| unusable(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
