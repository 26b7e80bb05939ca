//! BatchDeleteImage: a digest takes an image with all its tags, a tag only itself, unless it is the last one.

use api_ecr::operations::BatchDeleteImage;
use api_ecr::types::{
    BatchDeleteImageRequest, BatchDeleteImageResponse, ImageFailure, ImageFailureCode,
    ImageIdentifier,
};
use kit::answer::{look, transact};
use limits::ECR_REQUEST_ITEMS;
use registry::Digest;
use wire::{Access, Caller, Error, Handle};

use super::image_failures::{bad_id, failure, mismatch, not_found};
use super::{ImageId, find_repository, registry_of, required};
use crate::access::on_repository;
use crate::records::{ImageRecord, TagRecord, in_repository, repository_key};
use crate::refusals::invalid_parameter;
use crate::{Ecr, images};

impl Handle<BatchDeleteImage> for Ecr {
    fn access(&self, caller: &Caller, input: &BatchDeleteImageRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:BatchDeleteImage", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: BatchDeleteImageRequest,
    ) -> Result<BatchDeleteImageResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let ids = input.image_ids.unwrap_or_default();
        if !(1..=ECR_REQUEST_ITEMS).contains(&ids.len()) {
            let constraint = format!("Member must have 1 to {ECR_REQUEST_ITEMS} image ids");
            return Err(invalid_parameter("imageIds", &constraint));
        }
        look(&self.store, |head| {
            find_repository(head, &scope, &name).map(|_| ())
        })
        .await?;
        let key = repository_key(&scope, &name);
        let mut deleted = Vec::new();
        let mut failures = Vec::new();
        for id in ids {
            match self.delete_one(&key, &id).await? {
                Ok(gone) => deleted.extend(gone),
                Err(failure) => failures.push(ImageFailure {
                    image_id: Some(id),
                    ..failure
                }),
            }
        }
        Ok(BatchDeleteImageResponse {
            image_ids: Some(deleted),
            failures: Some(failures),
        })
    }
}

enum Found {
    /// Only the tag is to go.
    Tag(Digest),
    Image(Digest),
}

impl Ecr {
    /// The ids that are gone, or why the one is not.
    async fn delete_one(
        &self,
        key: &str,
        id: &ImageIdentifier,
    ) -> Result<Result<Vec<ImageIdentifier>, ImageFailure>, Error> {
        let id = match ImageId::of(id) {
            Ok(id) => id,
            Err(bad) => return Ok(Err(bad_id(bad))),
        };
        let found = look(&self.store, |head| Ok(find(head, key, &id))).await?;
        let digest = match found {
            Err(failure) => return Ok(Err(failure)),
            Ok(Found::Image(digest)) => digest,
            Ok(Found::Tag(digest)) => {
                let tag = id.tag.unwrap_or_default();
                transact(&self.store, |tx| {
                    Ok(tx.delete::<TagRecord>(&in_repository(key, &tag)))
                })
                .await?;
                return Ok(Ok(vec![identifier(&digest, Some(tag))]));
            }
        };
        let Some(tags) = images::delete(&self.store, key, &digest).await? else {
            return Ok(Err(not_found()));
        };
        let gone = match tags.is_empty() {
            true => vec![identifier(&digest, None)],
            false => tags
                .into_iter()
                .map(|tag| identifier(&digest, Some(tag)))
                .collect(),
        };
        Ok(Ok(gone))
    }
}

fn find(head: &state::Head, key: &str, id: &ImageId) -> Result<Found, ImageFailure> {
    let image = match images::find(head, key, &id.reference()) {
        Some(image) => image,
        None => return Err(not_found()),
    };
    if id
        .digest
        .as_ref()
        .is_some_and(|digest| *digest != image.digest)
    {
        return Err(mismatch());
    }
    let has_other_tags = images::tags(head, &image).len() > 1;
    if id.tag.is_some() && has_other_tags {
        return Ok(Found::Tag(image.digest.clone()));
    }
    let in_key = in_repository(key, image.digest.as_str());
    let parents = head.index::<ImageRecord>(ImageRecord::BY_CHILD, &in_key);
    if let Some(parent) = parents.first() {
        let reason = format!(
            "Requested image referenced by manifest list: [{}]",
            parent.digest
        );
        let code = ImageFailureCode::IMAGE_REFERENCED_BY_MANIFEST_LIST;
        return Err(failure(code, &reason));
    }
    Ok(Found::Image(image.digest.clone()))
}

fn identifier(digest: &Digest, tag: Option<String>) -> ImageIdentifier {
    ImageIdentifier {
        image_digest: Some(digest.to_string()),
        image_tag: tag,
    }
}
