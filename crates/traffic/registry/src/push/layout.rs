//! OCI image layout (image specification 1.1, "OCI Image Layout Specification"), which `docker save` writes as well.

use std::collections::BTreeSet;

use super::files::Files;
use super::{Image, ManifestBytes, SourceError};
use crate::digest::Digest;
use crate::manifest::{Descriptor, Manifest};

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// An index in an index in an index is as deep as anyone builds them.
const INDEX_DEPTH_MAX: usize = 4;

/// Every entry of `index.json` as an image of its own.
pub(crate) fn images(files: &Files) -> Result<Vec<Image>, SourceError> {
    let bytes = files.read("index.json")?;
    let (index, _) =
        Manifest::parse(&bytes, None).map_err(|error| files.broken("index.json", error))?;
    let mut images: Vec<Image> = Vec::new();
    for descriptor in &index.manifests {
        let Some(image) = image(files, descriptor)? else {
            continue;
        };
        match images
            .iter_mut()
            .find(|known| known.root().digest == image.root().digest)
        {
            Some(known) => known.names.extend(image.names),
            None => images.push(image),
        }
    }
    if images.is_empty() {
        return Err(files.broken("index.json", "it lists no image that the layout holds"));
    }
    Ok(images)
}

fn image(files: &Files, descriptor: &Descriptor) -> Result<Option<Image>, SourceError> {
    let annotations = &descriptor.annotations;
    let name = annotations
        .get(CONTAINERD_NAME)
        .or_else(|| annotations.get(REF_NAME));
    let mut image = Image {
        names: name.cloned().into_iter().collect(),
        blobs: Vec::new(),
        manifests: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    let complete = collect(files, descriptor, &mut image, &mut seen, INDEX_DEPTH_MAX)?;
    Ok((complete && !image.manifests.is_empty()).then_some(image))
}

/// Adds what `descriptor` points to, children first. An index of which the layout holds only a part (docker saves
/// one platform of many) is left out in favour of what is there; `false` when there is nothing at all.
fn collect(
    files: &Files,
    descriptor: &Descriptor,
    image: &mut Image,
    seen: &mut BTreeSet<Digest>,
    depth: usize,
) -> Result<bool, SourceError> {
    let name = blob_name(&descriptor.digest);
    if files.find(&name).is_none() {
        return Ok(false);
    }
    if depth == 0 {
        return Err(files.broken(&name, "indexes are nested too deeply"));
    }
    let bytes = files.read(&name)?;
    if Digest::of(&bytes) != descriptor.digest {
        return Err(files.broken(&name, "its content does not have this digest"));
    }
    let (manifest, media_type) = Manifest::parse(&bytes, Some(&descriptor.media_type))
        .map_err(|error| files.broken(&name, error))?;
    let mut complete = true;
    for child in &manifest.manifests {
        complete &= collect(files, child, image, seen, depth - 1)?;
    }
    for blob in manifest.held_blobs() {
        if seen.insert(blob.digest.clone()) {
            image
                .blobs
                .push(files.blob(&blob_name(&blob.digest), &blob.digest)?);
        }
    }
    if !complete {
        return Ok(!image.manifests.is_empty());
    }
    if !seen.contains(&descriptor.digest) {
        seen.insert(descriptor.digest.clone());
        image.manifests.push(ManifestBytes::new(media_type, bytes));
    }
    Ok(true)
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
