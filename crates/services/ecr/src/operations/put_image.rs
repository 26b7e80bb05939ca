//! PutImage.

use api_ecr::errors::{
    image_already_exists_exception, image_digest_does_not_match_exception,
    image_tag_already_exists_exception, layers_not_found_exception,
    referenced_images_not_found_exception,
};
use api_ecr::operations::PutImage;
use api_ecr::types::{Image, ImageIdentifier, PutImageRequest, PutImageResponse};
use bytes::Bytes;
use kit::answer::look;
use limits::MANIFEST_MAX_BYTES;
use registry::{CatalogError, ContentError, Digest, NewManifest, Reference, Scope};
use state::Head;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::access::on_repository;
use crate::records::{ImageRecord, repository_key};
use crate::refusals::{content_error, invalid_parameter};
use crate::{Ecr, images};

impl Handle<PutImage> for Ecr {
    fn access(&self, caller: &Caller, input: &PutImageRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:PutImage", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutImageRequest,
    ) -> Result<PutImageResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let text = input.image_manifest.unwrap_or_default();
        if text.len() > MANIFEST_MAX_BYTES {
            let constraint =
                format!("Member must have length less than or equal to {MANIFEST_MAX_BYTES}");
            return Err(invalid_parameter("imageManifest", &constraint));
        }
        let tag = input.image_tag;
        if tag.as_deref().is_some_and(|tag| !names::is_image_tag(tag)) {
            return Err(invalid_parameter("imageTag", "must be a valid image tag"));
        }
        let digest = input.image_digest.as_deref().map(str::parse::<Digest>);
        let digest = digest.transpose();
        let digest =
            digest.map_err(|error| invalid_parameter("imageDigest", &error.to_string()))?;
        let bytes = Bytes::from(text.clone());
        let key = repository_key(&scope, &name);
        let actual = Digest::of(&bytes);
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            match images::find(head, &key, &Reference::Digest(actual.clone())) {
                Some(image) if is_tagged(head, &image, tag.as_deref()) => {
                    Err(image_exists(&scope, &name, &actual, tag.as_deref()))
                }
                _ => Ok(()),
            }
        })
        .await?;
        let new = NewManifest {
            bytes: &bytes,
            media_type: input.image_manifest_media_type.as_deref(),
            digest: digest.as_ref(),
            tag: tag.as_deref(),
        };
        let put = self.content.put_manifest(self, (&scope, &name), new).await;
        let entry = put.map_err(|error| refused(error, &scope, &name))?;
        Ok(PutImageResponse {
            image: Some(Image {
                registry_id: Some(scope.account.clone()),
                repository_name: Some(name.clone()),
                image_id: Some(ImageIdentifier {
                    image_digest: Some(entry.digest.to_string()),
                    image_tag: tag,
                }),
                image_manifest: Some(text),
                image_manifest_media_type: Some(entry.media_type),
            }),
        })
    }
}

/// Whether putting it would change nothing.
fn is_tagged(head: &Head, image: &ImageRecord, tag: Option<&str>) -> bool {
    tag.is_none_or(|tag| images::tags(head, image).iter().any(|it| it == tag))
}

fn image_exists(scope: &Scope, name: &str, digest: &Digest, tag: Option<&str>) -> Error {
    image_already_exists_exception(format!(
        "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{name}' in registry \
         with id '{}'",
        tag.unwrap_or("null"),
        scope.account
    ))
}

fn refused(error: ContentError, scope: &Scope, name: &str) -> Error {
    let account = &scope.account;
    let missing = |what: &str, digests: &[Digest]| {
        let digests: Vec<&str> = digests.iter().map(Digest::as_str).collect();
        format!(
            "{what} with digests '[{}]' required for pushing image into repository with name '{name}' in the registry \
             with id '{account}' do not exist",
            digests.join(", ")
        )
    };
    match &error {
        ContentError::Manifest(error) => invalid_parameter("ImageManifest", &error.to_string()),
        ContentError::Digest { expected, actual } => {
            image_digest_does_not_match_exception(format!(
                "The provided image digest '{expected}' does not match the calculated image digest '{actual}'"
            ))
        }
        ContentError::Missing { blobs, .. } if !blobs.is_empty() => {
            layers_not_found_exception(missing("Layers", blobs))
        }
        ContentError::Missing { manifests, .. } => {
            referenced_images_not_found_exception(missing("Images", manifests))
        }
        ContentError::Catalog(CatalogError::TagImmutable(message)) => {
            image_tag_already_exists_exception(message.clone())
        }
        _ => content_error(error),
    }
}
