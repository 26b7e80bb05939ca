//! Which repository holds which blobs, manifests and tags. ECR keeps this in its tables.

use std::future::Future;
use std::pin::Pin;

use crate::digest::Digest;

/// The registry (in ECR's sense) that a request speaks to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    pub account: String,
    pub region: String,
}

/// How a client names a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Tag(String),
    Digest(Digest),
}

/// What the catalogue knows of a manifest; the bytes are a blob with the same digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    pub digest: Digest,
    pub media_type: String,
    /// Of the manifest itself.
    pub size: u64,
    /// Of the configuration; the kind of artifact for everything that is no image.
    pub config_media_type: Option<String>,
    pub artifact_type: Option<String>,
    /// The manifest that this one is about (a signature, an attestation).
    pub subject: Option<Digest>,
    /// Configuration and layers, as blobs of the same repository.
    pub blobs: Vec<Digest>,
    /// Manifests that an index lists.
    pub manifests: Vec<Digest>,
    /// Configuration and layers together, as pulled.
    pub image_size: u64,
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// Why the catalogue said no; the texts reach the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    #[error("{0}")]
    RepositoryUnknown(String),
    #[error("{0}")]
    TagImmutable(String),
    #[error("{0}")]
    InUse(String),
    #[error("{0}")]
    TooMany(String),
    #[error("{0}")]
    Internal(String),
}

pub type CatalogFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, CatalogError>> + Send + 'a>>;

/// What the registry asks. Whatever is answered is durable.
pub trait Catalog: Send + Sync {
    /// Fails with [`CatalogError::RepositoryUnknown`], as every other method does that names a repository.
    fn repository<'a>(&'a self, scope: &'a Scope, repository: &'a str) -> CatalogFuture<'a, ()>;

    /// Names in order, those after `after`, at most `limit`.
    fn repositories<'a>(
        &'a self,
        scope: &'a Scope,
        after: Option<&'a str>,
        limit: usize,
    ) -> CatalogFuture<'a, Vec<String>>;

    fn has_blob<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, bool>;

    /// Says that the repository holds the blob; again changes nothing.
    fn link_blob<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
        size: u64,
    ) -> CatalogFuture<'a, ()>;

    /// Whether the repository held it. [`CatalogError::InUse`] while a manifest of the repository needs it.
    fn unlink_blob<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, bool>;

    /// Whether any repository of any account holds this blob or a manifest of this digest.
    fn is_used<'a>(&'a self, digest: &'a Digest) -> CatalogFuture<'a, bool>;

    fn manifest<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        reference: &'a Reference,
    ) -> CatalogFuture<'a, Option<ManifestEntry>>;

    /// Keeps the manifest and lets the tag, if given, point to it.
    fn put_manifest<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        entry: ManifestEntry,
        tag: Option<&'a str>,
    ) -> CatalogFuture<'a, ()>;

    /// A tag is only taken off; a digest takes its tags with it. Whether there was one.
    fn delete_manifest<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        reference: &'a Reference,
    ) -> CatalogFuture<'a, bool>;

    /// In order, those after `after`, at most `limit`.
    fn tags<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> CatalogFuture<'a, Vec<String>>;

    /// The manifests whose subject is `digest`.
    fn referrers<'a>(
        &'a self,
        scope: &'a Scope,
        repository: &'a str,
        digest: &'a Digest,
    ) -> CatalogFuture<'a, Vec<ManifestEntry>>;
}

impl Reference {
    /// A digest if it looks like one, else a tag; `None` if it can be neither.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(':') {
            text.parse().ok().map(Self::Digest)
        } else {
            names::is_image_tag(text).then(|| Self::Tag(text.to_owned()))
        }
    }
}
