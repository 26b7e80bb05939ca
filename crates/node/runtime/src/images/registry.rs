//! Talking to a registry: `oci-client`, with its errors made ours.

use std::time::Duration;

use oci_client::client::{
    BlobResponse, Certificate, CertificateEncoding, ClientConfig, ClientProtocol,
};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde::Deserialize;

use crate::error::{PullError, with_causes};
use crate::image::{PullRequest, RegistryEndpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;
const ACCEPTED_MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// One repository of one registry.
pub(super) struct Repository {
    client: Client,
    reference: Reference,
    auth: RegistryAuth,
    /// As the user wrote it, for messages.
    asked_for: String,
}

/// What a manifest points to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Descriptor {
    pub digest: String,
    pub size: u64,
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

/// One platform's image.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
}

/// A manifest, and the digest of what the reference named.
pub(super) struct Resolved {
    pub digest: String,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

impl Repository {
    /// `authorities` may have signed the registry's certificate, besides those of this machine; in PEM.
    pub(super) fn new(request: &PullRequest, authorities: &[Vec<u8>]) -> Result<Self, PullError> {
        let invalid = |reason: String| PullError::InvalidReference {
            reference: request.reference.clone(),
            reason,
        };
        let named: Reference = request
            .reference
            .parse()
            .map_err(|error| invalid(format!("{error}")))?;
        let reference = match &request.endpoint {
            Some(endpoint) => at_registry(&named, endpoint),
            None => named,
        };
        let plain_http = match &request.endpoint {
            Some(endpoint) => endpoint.plain_http,
            None => is_loopback(reference.resolve_registry()),
        };
        let config = ClientConfig {
            protocol: if plain_http {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            extra_root_certificates: authorities
                .iter()
                .map(|pem| Certificate {
                    encoding: CertificateEncoding::Pem,
                    data: pem.clone(),
                })
                .collect(),
            user_agent: concat!("gantry/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| PullError::Unreachable {
            reference: request.reference.clone(),
            reason: with_causes(&error),
        })?;
        let auth = match &request.auth {
            Some(auth) => RegistryAuth::Basic(auth.username.clone(), auth.password.clone()),
            None => RegistryAuth::Anonymous,
        };
        Ok(Self {
            client,
            reference,
            auth,
            asked_for: request.reference.clone(),
        })
    }

    /// Asks what the reference means now.
    pub(super) async fn resolve(&self) -> Result<Resolved, PullError> {
        let (body, digest) = self.manifest(&self.reference).await?;
        Ok(Resolved { digest, body })
    }

    /// The manifest for this machine.
    pub(super) async fn manifest_for_this_platform(
        &self,
        resolved: &Resolved,
    ) -> Result<Manifest, PullError> {
        if let Ok(manifest) = serde_json::from_slice(&resolved.body) {
            return Ok(manifest);
        }
        let index: Index = self.parse(&resolved.body)?;
        let architecture = architecture();
        let matches =
            |platform: &Platform| platform.os == "linux" && platform.architecture == architecture;
        let found = index
            .manifests
            .iter()
            .find(|entry| entry.platform.as_ref().is_some_and(matches));
        let entry = found.ok_or_else(|| PullError::NoMatchingPlatform {
            reference: self.asked_for.clone(),
            platform: format!("linux/{architecture}"),
        })?;
        let (body, _) = self
            .manifest(&self.reference.clone_with_digest(entry.digest.clone()))
            .await?;
        self.parse(&body)
    }

    /// The image's configuration, whole.
    pub(super) async fn config(&self, descriptor: &Descriptor) -> Result<Vec<u8>, PullError> {
        use futures_util::StreamExt;
        let mut stream = self.blob(descriptor).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| self.interrupted(&error))?);
            if bytes.len() > MAX_CONFIG_BYTES {
                let reason = format!("the configuration is larger than {MAX_CONFIG_BYTES} bytes");
                return Err(PullError::Registry {
                    reference: self.asked_for.clone(),
                    reason,
                });
            }
        }
        Ok(bytes)
    }

    /// A blob as it comes.
    pub(super) async fn blob(
        &self,
        descriptor: &Descriptor,
    ) -> Result<oci_client::client::SizedStream, PullError> {
        let stream = self
            .client
            .pull_blob_stream(&self.reference, descriptor.digest.as_str())
            .await;
        stream.map_err(|error| self.explain(error))
    }

    /// A blob from `offset` on, and how many bytes come before that although they were not asked for.
    pub(super) async fn blob_from(
        &self,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<(oci_client::client::SizedStream, u64), PullError> {
        if offset == 0 {
            return Ok((self.blob(descriptor).await?, 0));
        }
        let answer = self
            .client
            .pull_blob_stream_partial(&self.reference, descriptor.digest.as_str(), offset, None)
            .await;
        match answer.map_err(|error| self.explain(error))? {
            BlobResponse::Partial(stream) => Ok((stream, 0)),
            BlobResponse::Full(stream) => Ok((stream, offset)),
        }
    }

    pub(super) fn interrupted(&self, error: &std::io::Error) -> PullError {
        PullError::Unreachable {
            reference: self.asked_for.clone(),
            reason: error.to_string(),
        }
    }

    pub(super) fn parse<T: serde::de::DeserializeOwned>(
        &self,
        body: &[u8],
    ) -> Result<T, PullError> {
        serde_json::from_slice(body).map_err(|error| PullError::Registry {
            reference: self.asked_for.clone(),
            reason: error.to_string(),
        })
    }

    /// The client compares the body with the digest in the reference and in the answer.
    async fn manifest(&self, reference: &Reference) -> Result<(Vec<u8>, String), PullError> {
        let answer = self
            .client
            .pull_manifest_raw(reference, &self.auth, &ACCEPTED_MANIFESTS)
            .await;
        let (body, digest) = answer.map_err(|error| self.explain(error))?;
        Ok((body.to_vec(), digest))
    }

    fn explain(&self, error: OciDistributionError) -> PullError {
        let reference = self.asked_for.clone();
        match error {
            OciDistributionError::ImageManifestNotFoundError(_) => {
                PullError::NotFound { reference }
            }
            OciDistributionError::ServerError { code: 404, .. } => {
                PullError::NotFound { reference }
            }
            OciDistributionError::UnauthorizedError { .. } => PullError::Unauthorized {
                reference,
                reason: "authorization failed".to_owned(),
            },
            OciDistributionError::ServerError {
                code: 401 | 403,
                message,
                ..
            } => PullError::Unauthorized {
                reference,
                reason: message,
            },
            OciDistributionError::ServerError {
                code: code @ (429 | 500..=599),
                message,
                ..
            } => PullError::Unreachable {
                reference,
                reason: format!("{code}: {message}"),
            },
            OciDistributionError::AuthenticationFailure(reason) => {
                PullError::Unauthorized { reference, reason }
            }
            OciDistributionError::RegistryError { envelope, .. } => {
                let missing = |code: &OciErrorCode| {
                    matches!(
                        code,
                        OciErrorCode::ManifestUnknown
                            | OciErrorCode::NameUnknown
                            | OciErrorCode::NotFound
                            | OciErrorCode::BlobUnknown
                    )
                };
                let denied = |code: &OciErrorCode| {
                    matches!(code, OciErrorCode::Denied | OciErrorCode::Unauthorized)
                };
                let reason = envelope.to_string();
                match envelope.errors.first().map(|error| &error.code) {
                    Some(code) if missing(code) => PullError::NotFound { reference },
                    Some(code) if denied(code) => PullError::Unauthorized { reference, reason },
                    _ => PullError::Registry { reference, reason },
                }
            }
            OciDistributionError::DigestError(error) => PullError::Registry {
                reference,
                reason: error.to_string(),
            },
            OciDistributionError::RequestError(error) => PullError::Unreachable {
                reference,
                reason: with_causes(&error),
            },
            other => PullError::Registry {
                reference,
                reason: other.to_string(),
            },
        }
    }
}

/// The same repository at another address: what `reference` names is only a name then.
fn at_registry(reference: &Reference, endpoint: &RegistryEndpoint) -> Reference {
    let host = endpoint.host.clone();
    let repository = match endpoint.path_prefix.as_str() {
        "" => reference.repository().to_owned(),
        prefix => format!("{prefix}/{}", reference.repository()),
    };
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => Reference::with_digest(host, repository, digest.to_owned()),
        (None, tag) => Reference::with_tag(host, repository, tag.unwrap_or("latest").to_owned()),
    }
}

/// As Docker does: nobody has a certificate for loopback.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Go's name, which image indexes use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_plain() {
        for registry in [
            "127.0.0.1:5000",
            "localhost",
            "localhost:1",
            "[::1]:5000",
            "x.localhost:4580",
        ] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in ["docker.io", "10.0.0.1:5000", "localhost.example.com"] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }

    #[test]
    fn a_name_can_be_elsewhere() {
        let named: Reference = "1.dkr.ecr.us-east-1.amazonaws.com/a/b:1".parse().unwrap();
        let endpoint = |host: &str, path_prefix: &str| RegistryEndpoint {
            host: host.to_owned(),
            path_prefix: path_prefix.to_owned(),
            plain_http: true,
        };
        assert_eq!(
            at_registry(&named, &endpoint("127.0.0.1:4580", "")).whole(),
            "127.0.0.1:4580/a/b:1"
        );
        let digest = format!("sha256:{}", "0".repeat(64));
        let named: Reference = format!("busybox@{digest}").parse().unwrap();
        assert_eq!(
            at_registry(&named, &endpoint("h", "hub")).whole(),
            format!("h/hub/library/busybox@{digest}")
        );
    }
}
