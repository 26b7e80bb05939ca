//! Manifests and indexes, as far as a registry must understand them: what they point to.
//!
//! Sources: OCI image specification 1.1 (manifest, image index), Docker image manifest version 2 schema 2.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::ManifestEntry;
use crate::digest::Digest;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A pointer to a blob or a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// A manifest or an index: which one, the fields say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    pub media_type: Option<String>,
    pub artifact_type: Option<String>,
    pub config: Option<Descriptor>,
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    pub subject: Option<Descriptor>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// Why these bytes are no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest is not valid JSON of a manifest: {0}")]
    Malformed(String),
    #[error("schemaVersion {0} is not supported, only 2")]
    SchemaVersion(u32),
    #[error("the manifest's mediaType {inside} differs from its Content-Type {outside}")]
    MediaTypeMismatch { inside: String, outside: String },
    #[error("the media type {0} is not supported")]
    MediaType(String),
    #[error("an image manifest needs a config")]
    NoConfig,
}

impl Manifest {
    /// Reads a manifest; returns it with its media type. `content_type` is what the client said it is.
    pub fn parse(
        bytes: &[u8],
        content_type: Option<&str>,
    ) -> Result<(Self, String), ManifestError> {
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| ManifestError::Malformed(error.to_string()))?;
        if manifest.schema_version != 2 {
            return Err(ManifestError::SchemaVersion(manifest.schema_version));
        }
        let outside = content_type
            .map(|value| value.split(';').next().unwrap_or_default().trim())
            .filter(|value| !value.is_empty() && *value != "application/json");
        let media_type = match (manifest.media_type.as_deref(), outside) {
            (Some(inside), Some(outside)) if inside != outside => {
                return Err(ManifestError::MediaTypeMismatch {
                    inside: inside.to_owned(),
                    outside: outside.to_owned(),
                });
            }
            (Some(media_type), _) | (None, Some(media_type)) => media_type,
            (None, None) if manifest.config.is_some() => OCI_MANIFEST,
            (None, None) => OCI_INDEX,
        };
        match media_type {
            OCI_MANIFEST | DOCKER_MANIFEST if manifest.config.is_none() => {
                return Err(ManifestError::NoConfig);
            }
            OCI_MANIFEST | DOCKER_MANIFEST | OCI_INDEX | DOCKER_LIST => {}
            other => return Err(ManifestError::MediaType(other.to_owned())),
        }
        let media_type = media_type.to_owned();
        Ok((manifest, media_type))
    }

    /// What the catalogue keeps of it.
    pub(crate) fn entry(&self, digest: Digest, media_type: String, size: u64) -> ManifestEntry {
        ManifestEntry {
            digest,
            media_type,
            size,
            config_media_type: self.config.as_ref().map(|config| config.media_type.clone()),
            artifact_type: self.artifact_type.clone(),
            subject: self.subject.as_ref().map(|subject| subject.digest.clone()),
            blobs: self.held_blobs().map(|blob| blob.digest.clone()).collect(),
            manifests: self
                .manifests
                .iter()
                .map(|child| child.digest.clone())
                .collect(),
            image_size: self
                .config
                .iter()
                .chain(&self.layers)
                .fold(0, |sum: u64, blob| sum.saturating_add(blob.size)),
            annotations: self.annotations.clone(),
        }
    }

    /// The blobs that the repository itself must hold: a layer with `urls` lives elsewhere (foreign layers).
    pub(crate) fn held_blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config
            .iter()
            .chain(&self.layers)
            .filter(|blob| blob.urls.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn image(extra: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,{extra}"config":{{"mediaType":"application/vnd.oci.image.config.v1+json",
            "digest":"{DIGEST}","size":7}},"layers":[{{"mediaType":"x","digest":"{DIGEST}","size":5}}]}}"#
        )
    }

    #[test]
    fn the_media_type_is_found() {
        let parse = |text: &str, content_type| {
            Manifest::parse(text.as_bytes(), content_type).map(|(_, media_type)| media_type)
        };
        assert_eq!(parse(&image(""), None), Ok(OCI_MANIFEST.to_owned()));
        assert_eq!(
            parse(
                &image(""),
                Some("application/vnd.docker.distribution.manifest.v2+json; a=b")
            ),
            Ok(DOCKER_MANIFEST.to_owned())
        );
        let inside = image(&format!("\"mediaType\":\"{OCI_MANIFEST}\","));
        assert_eq!(
            parse(&inside, Some("application/json")),
            Ok(OCI_MANIFEST.to_owned())
        );
        assert!(matches!(
            parse(&inside, Some(DOCKER_MANIFEST)),
            Err(ManifestError::MediaTypeMismatch { .. })
        ));
        assert_eq!(
            parse(r#"{"schemaVersion":2,"manifests":[]}"#, None),
            Ok(OCI_INDEX.to_owned())
        );
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let parse = |text: &str, content_type| Manifest::parse(text.as_bytes(), content_type);
        assert!(matches!(parse("{", None), Err(ManifestError::Malformed(_))));
        assert_eq!(
            parse(r#"{"schemaVersion":1}"#, None).map(|_| ()),
            Err(ManifestError::SchemaVersion(1))
        );
        assert_eq!(
            parse(r#"{"schemaVersion":2}"#, Some(OCI_MANIFEST)).map(|_| ()),
            Err(ManifestError::NoConfig)
        );
        assert!(matches!(
            parse(&image(""), Some("text/plain")),
            Err(ManifestError::MediaType(_))
        ));
        let escaping = image("").replace(DIGEST, "sha256:../../x");
        assert!(matches!(
            parse(&escaping, None),
            Err(ManifestError::Malformed(_))
        ));
    }

    #[test]
    fn sizes_add_up() {
        let text = image("");
        let (manifest, media_type) =
            Manifest::parse(text.as_bytes(), None).expect("a good manifest");
        let entry = manifest.entry(Digest::of(text.as_bytes()), media_type, text.len() as u64);
        assert_eq!(entry.image_size, 12);
        assert_eq!(entry.blobs.len(), 2);
    }
}
