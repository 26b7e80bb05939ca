//! Whose certificates a client believes.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// The certificate authorities to believe; by default those of this machine.
#[derive(Clone, Default)]
pub struct Trust(Option<Arc<ClientConfig>>);

impl Trust {
    /// Believes these authorities (a PEM file's content) and no others, as `AWS_CA_BUNDLE` does.
    pub fn only(pem: &[u8]) -> Result<Self, Error> {
        let refused = |reason: String| Error::Certificates(reason);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| refused(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| refused(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(refused("no certificate in PEM is in it".to_owned()));
        }
        Ok(Self(Some(Arc::new(believing(roots)?))))
    }

    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        static OF_THIS_MACHINE: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        if let Some(config) = self.0.as_ref().or_else(|| OF_THIS_MACHINE.get()) {
            return Ok(Arc::clone(config));
        }
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a certificate authority of this machine cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        let config = Arc::new(believing(roots)?);
        Ok(Arc::clone(OF_THIS_MACHINE.get_or_init(|| config)))
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Some(_) => "Trust(bundle)",
            None => "Trust(machine)",
        })
    }
}

fn believing(roots: RootCertStore) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Certificates(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for pem in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(Trust::only(pem.as_bytes()).is_err(), "{pem}");
        }
    }
}
