//! BatchGetImage: manifests as they were pushed.

use api_ecr::operations::BatchGetImage;
use api_ecr::types::{
    BatchGetImageRequest, BatchGetImageResponse, Image, ImageFailure, ImageIdentifier,
};
use std::sync::Arc;

use kit::answer::look;
use limits::ECR_REQUEST_ITEMS;
use registry::Digest;
use state::Head;
use wire::{Access, Caller, Error, Handle};

use super::image_failures::{bad_id, failure, mismatch, not_found};
use super::{ImageId, find_repository, registry_of, required};
use crate::access::on_repository;
use crate::records::{ImageRecord, repository_key};
use crate::refusals::invalid_parameter;
use crate::{Ecr, images};
use api_ecr::types::ImageFailureCode;

type Found = Result<Arc<ImageRecord>, ImageFailure>;

impl Handle<BatchGetImage> for Ecr {
    fn access(&self, caller: &Caller, input: &BatchGetImageRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:BatchGetImage", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: BatchGetImageRequest,
    ) -> Result<BatchGetImageResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let ids = input.image_ids.unwrap_or_default();
        if !(1..=ECR_REQUEST_ITEMS).contains(&ids.len()) {
            let constraint = format!("Member must have 1 to {ECR_REQUEST_ITEMS} image ids");
            return Err(invalid_parameter("imageIds", &constraint));
        }
        let accepted = input.accepted_media_types.unwrap_or_default();
        let key = repository_key(&scope, &name);
        let found: Vec<Found> = look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let find = |id: &ImageIdentifier| find(head, &key, id, &accepted);
            Ok(ids.iter().map(find).collect())
        })
        .await?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for (id, found) in ids.into_iter().zip(found) {
            match found {
                Ok(image) => images.push(Image {
                    registry_id: Some(scope.account.clone()),
                    repository_name: Some(name.clone()),
                    image_id: Some(ImageIdentifier {
                        image_digest: Some(image.digest.to_string()),
                        image_tag: id.image_tag,
                    }),
                    image_manifest: Some(self.manifest_text(&image.digest).await?),
                    image_manifest_media_type: Some(image.media_type.clone()),
                }),
                Err(failure) => failures.push(ImageFailure {
                    image_id: Some(id),
                    ..failure
                }),
            }
        }
        Ok(BatchGetImageResponse {
            images: Some(images),
            failures: Some(failures),
        })
    }
}

fn find(head: &Head, key: &str, id: &ImageIdentifier, accepted: &[String]) -> Found {
    let id = ImageId::of(id).map_err(bad_id)?;
    let image = images::find(head, key, &id.reference()).ok_or_else(not_found)?;
    if id.digest.is_some_and(|digest| digest != image.digest) {
        return Err(mismatch());
    }
    if !accepted.is_empty() && !accepted.contains(&image.media_type) {
        let kind = &image.media_type;
        let reason =
            format!("Requested image has media type {kind}, which is not among the accepted ones");
        return Err(failure(ImageFailureCode::IMAGE_NOT_FOUND, &reason));
    }
    Ok(image)
}

impl Ecr {
    async fn manifest_text(&self, digest: &Digest) -> Result<String, Error> {
        let read = self.content.bytes(digest).await;
        let bytes = read.map_err(|error| {
            tracing::error!(%error, %digest, "a manifest cannot be read");
            Error::internal("The registry could not read its files.")
        })?;
        // It was parsed as JSON when it was put.
        String::from_utf8(bytes.into()).map_err(|_| Error::internal("The manifest is no text."))
    }
}
