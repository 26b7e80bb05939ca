//! An OCI distribution v2 registry over content-addressed files.
//!
//! It serves what `docker`, `skopeo` and our own agent need of the OCI distribution specification 1.1: blobs with
//! resumable uploads, cross-repository mounts, ranges, manifests (OCI and Docker schema 2), tags, the catalogue and
//! referrers. Bytes live in files named by their digest ([`blobs`]); which repository holds what is asked of a
//! [`Catalog`], who may do what of an [`Access`], so that ECR decides both and the registry only moves bytes.

mod access;
mod answer;
mod blobs;
mod catalog;
mod content;
mod digest;
mod file_body;
mod manifest;
pub mod push;
mod range;
mod routes;
mod serve;
mod serve_blobs;
mod serve_manifests;
mod sweep;
mod uploads;

pub use access::{Access, Action, DOWNLOAD_TOKEN, Identity, Presented, Refusal};
pub use answer::{Body, BoxError};
pub use blobs::BlobStore;
pub use catalog::{Catalog, CatalogError, CatalogFuture, ManifestEntry, Reference, Scope};
pub use content::{Content, ContentError, NewManifest};
pub use digest::{Digest, DigestError, Hasher};
pub use manifest::{Descriptor, Manifest, ManifestError};
pub use serve::{Registry, RegistryError};
pub use sweep::Swept;
