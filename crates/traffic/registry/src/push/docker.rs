//! `docker save` archives without an OCI layout inside (Docker before 25, podman, `skopeo docker-archive:`).
//!
//! Layers are plain tar files there and stay so: their digest is then the diff id that the configuration names.

use serde::Deserialize;

use super::archive::Compression;
use super::files::Files;
use super::{Blob, Image, ManifestBytes, SourceError, digest_of_reader};
use crate::manifest::OCI_MANIFEST;

pub(crate) const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

pub(crate) fn images(files: &Files) -> Result<Vec<Image>, SourceError> {
    let entries: Vec<Entry> = serde_json::from_slice(&files.read("manifest.json")?)
        .map_err(|error| files.broken("manifest.json", error))?;
    if entries.is_empty() {
        return Err(files.broken("manifest.json", "it lists no image"));
    }
    entries.iter().map(|entry| image(files, entry)).collect()
}

fn image(files: &Files, entry: &Entry) -> Result<Image, SourceError> {
    let config = Blob::memory(files.read(&entry.config)?);
    let layers = entry
        .layers
        .iter()
        .map(|name| layer(files, name))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(assemble(
        entry.repo_tags.clone().unwrap_or_default(),
        config,
        layers,
    ))
}

fn layer(files: &Files, name: &str) -> Result<(Blob, Compression), SourceError> {
    let located = files
        .find(name)
        .ok_or_else(|| files.broken(name, "it is not there"))?;
    let compression = Compression::of_file(&located.path, located.offset)
        .map_err(|error| files.broken(name, error))?;
    let mut blob = Blob::file(
        crate::Digest::of(b""),
        located.path,
        located.offset,
        located.size,
    );
    let (digest, _) = blob
        .reader()
        .and_then(digest_of_reader)
        .map_err(|error| files.broken(name, error))?;
    blob.digest = digest;
    Ok((blob, compression))
}

/// An OCI manifest over a configuration and layers.
pub(crate) fn assemble(
    names: Vec<String>,
    config: Blob,
    layers: Vec<(Blob, Compression)>,
) -> Image {
    let describe = |media_type: String, blob: &Blob| serde_json::json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.size });
    let described: Vec<_> = layers
        .iter()
        .map(|(blob, compression)| describe(layer_type(*compression), blob))
        .collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": describe(CONFIG_TYPE.to_owned(), &config),
        "layers": described,
    });
    let mut blobs = vec![config];
    for (blob, _) in layers {
        if !blobs.iter().any(|known| known.digest == blob.digest) {
            blobs.push(blob);
        }
    }
    Image {
        names,
        blobs,
        manifests: vec![ManifestBytes::new(
            OCI_MANIFEST,
            manifest.to_string().into_bytes(),
        )],
    }
}

fn layer_type(compression: Compression) -> String {
    match compression {
        Compression::None => LAYER_TYPE.to_owned(),
        Compression::Gzip => format!("{LAYER_TYPE}+gzip"),
        Compression::Zstd => format!("{LAYER_TYPE}+zstd"),
    }
}
