//! The bytes of a registry, and the rules by which they become part of a repository. The OCI protocol and ECR's own API
//! both write through it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clock::Clock;
use http_body_util::BodyExt;

use crate::blobs::BlobStore;
use crate::catalog::{Catalog, CatalogError, ManifestEntry, Reference, Scope};
use crate::digest::Digest;
use crate::manifest::{Manifest, ManifestError};
use crate::serve::RegistryError;
use crate::uploads::Uploads;

/// Blobs and uploads of one registry.
pub struct Content {
    pub(crate) blobs: BlobStore,
    pub(crate) uploads: Uploads,
    pub(crate) clock: Clock,
    /// Read while a file becomes visible and linked, written while a sweep decides about one.
    pub(crate) linking: tokio::sync::RwLock<()>,
}

/// A manifest as a client brings it.
#[derive(Debug, Clone, Copy)]
pub struct NewManifest<'a> {
    pub bytes: &'a Bytes,
    /// What the client says that it is.
    pub media_type: Option<&'a str>,
    /// What the client says is its digest.
    pub digest: Option<&'a Digest>,
    pub tag: Option<&'a str>,
}

/// Why bytes do not become part of a repository.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("provided digest did not match uploaded content")]
    Digest { expected: Digest, actual: Digest },
    /// A manifest may only name what its repository holds.
    #[error("the manifest names what the repository does not hold: {}", texts(.blobs, .manifests))]
    Missing {
        blobs: Vec<Digest>,
        manifests: Vec<Digest>,
    },
    #[error("blob upload unknown to registry")]
    UploadUnknown,
    #[error("the upload has {received} bytes, the part must begin there")]
    OutOfOrder { received: u64 },
    #[error("there are too many uploads under way already")]
    TooManyUploads,
    #[error("a layer may have {} bytes at most", limits::LAYER_MAX_BYTES)]
    TooLarge,
    #[error("the body ended early: {0}")]
    BodyEnded(String),
    #[error("the registry's files: {0}")]
    Files(#[from] io::Error),
}

impl Content {
    /// `directory` is the registry's own, made if it is not there.
    pub fn open(directory: &Path, clock: Clock) -> Result<Arc<Self>, RegistryError> {
        let failed = |source| RegistryError::Directory {
            path: directory.display().to_string(),
            source,
        };
        let blobs = BlobStore::open(directory).map_err(failed)?;
        let uploads = Uploads::new(blobs.uploads_directory(), clock.clone());
        Ok(Arc::new(Self {
            blobs,
            uploads,
            clock,
            linking: tokio::sync::RwLock::default(),
        }))
    }

    /// The whole of a small blob: a manifest.
    pub async fn bytes(&self, digest: &Digest) -> io::Result<Bytes> {
        let path = self.blobs.path(digest);
        self.blocking(move || std::fs::read(path))
            .await
            .map(Bytes::from)
    }

    /// Keeps a manifest and tags it, if the repository holds all that it names.
    pub async fn put_manifest(
        &self,
        catalog: &dyn Catalog,
        (scope, repository): (&Scope, &str),
        new: NewManifest<'_>,
    ) -> Result<ManifestEntry, ContentError> {
        let digest = Digest::of(new.bytes);
        if let Some(expected) = new.digest.filter(|expected| **expected != digest) {
            return Err(ContentError::Digest {
                expected: expected.clone(),
                actual: digest,
            });
        }
        let (manifest, media_type) = Manifest::parse(new.bytes, new.media_type)?;
        let entry = manifest.entry(digest.clone(), media_type, new.bytes.len() as u64);

        let _linking = self.linking.read().await;
        check_contents(catalog, scope, repository, &entry).await?;
        let (blobs, bytes) = (self.blobs.clone(), new.bytes.clone());
        let scratch = format!("manifest-{}", self.clock.uuid());
        self.blocking(move || blobs.put(&digest, &bytes, &scratch))
            .await?;
        let kept = entry.clone();
        catalog
            .put_manifest(scope, repository, kept, new.tag)
            .await?;
        Ok(entry)
    }

    /// Begins an upload to a repository that must exist; its id is a UUID.
    pub async fn begin_upload(
        &self,
        catalog: &dyn Catalog,
        scope: &Scope,
        repository: &str,
    ) -> Result<String, ContentError> {
        catalog.repository(scope, repository).await?;
        let id = self.uploads.begin(&owner(scope, repository)).await?;
        let (uuid, _) = id
            .split_once('.')
            .expect("begin puts the owner's mark behind a dot");
        Ok(uuid.to_owned())
    }

    /// Adds a part that begins where the upload stands. Returns how many bytes have arrived.
    pub async fn add_part(
        &self,
        (scope, repository): (&Scope, &str),
        uuid: &str,
        first_byte: u64,
        part: Bytes,
    ) -> Result<u64, ContentError> {
        let owner = owner(scope, repository);
        let upload = self.uploads.find(&owner, &Uploads::id_of(&owner, uuid))?;
        let mut upload = upload.lock().await;
        let received = self.uploads.offset(&mut upload).await?;
        if received != first_byte {
            return Err(ContentError::OutOfOrder { received });
        }
        let body = http_body_util::Full::new(part);
        let body = body.map_err(|never| match never {}).boxed_unsync();
        self.uploads.receive(&mut upload, body).await
    }

    /// How many bytes of an upload have arrived.
    pub async fn received(
        &self,
        (scope, repository): (&Scope, &str),
        uuid: &str,
    ) -> Result<u64, ContentError> {
        let owner = owner(scope, repository);
        let upload = self.uploads.find(&owner, &Uploads::id_of(&owner, uuid))?;
        let mut upload = upload.lock().await;
        self.uploads.offset(&mut upload).await
    }

    /// Makes an upload a blob of the repository. Returns its size.
    pub async fn complete_upload(
        &self,
        catalog: &dyn Catalog,
        (scope, repository): (&Scope, &str),
        uuid: &str,
        digest: &Digest,
    ) -> Result<u64, ContentError> {
        let owner = owner(scope, repository);
        let id = Uploads::id_of(&owner, uuid);
        let upload = self.uploads.find(&owner, &id)?;
        let mut upload = upload.lock().await;
        self.adopt_upload(catalog, (scope, repository), &id, &mut upload, digest)
            .await
    }

    pub(crate) async fn adopt_upload(
        &self,
        catalog: &dyn Catalog,
        (scope, repository): (&Scope, &str),
        id: &str,
        upload: &mut crate::uploads::Upload,
        digest: &Digest,
    ) -> Result<u64, ContentError> {
        let (path, size) = self.uploads.seal(upload, digest).await?;
        let _linking = self.linking.read().await;
        let (blobs, named) = (self.blobs.clone(), digest.clone());
        self.blocking(move || blobs.adopt(&path, &named)).await?;
        self.uploads.forget(id);
        catalog.link_blob(scope, repository, digest, size).await?;
        Ok(size)
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let done = self.clock.spawn_blocking(work).await;
        done.map_err(io::Error::other)?
    }
}

/// Whose an upload is.
pub(crate) fn owner(scope: &Scope, repository: &str) -> String {
    format!("{}/{}/{repository}", scope.account, scope.region)
}

async fn check_contents(
    catalog: &dyn Catalog,
    scope: &Scope,
    repository: &str,
    entry: &ManifestEntry,
) -> Result<(), ContentError> {
    let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
    for digest in &entry.blobs {
        if !catalog.has_blob(scope, repository, digest).await? {
            blobs.push(digest.clone());
        }
    }
    for digest in &entry.manifests {
        let reference = Reference::Digest(digest.clone());
        let found = catalog.manifest(scope, repository, &reference).await?;
        if found.is_none() {
            manifests.push(digest.clone());
        }
    }
    match blobs.is_empty() && manifests.is_empty() {
        true => Ok(()),
        false => Err(ContentError::Missing { blobs, manifests }),
    }
}

fn texts(blobs: &[Digest], manifests: &[Digest]) -> String {
    let all: Vec<&str> = blobs.iter().chain(manifests).map(Digest::as_str).collect();
    all.join(", ")
}
