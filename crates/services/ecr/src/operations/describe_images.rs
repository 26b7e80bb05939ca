//! DescribeImages.

use api_ecr::errors::invalid_parameter_exception;
use api_ecr::operations::DescribeImages;
use api_ecr::types::{DescribeImagesRequest, DescribeImagesResponse, ImageDetail, ImageIdentifier};
use kit::answer::look;
use kit::{Page, paginate};
use limits::ECR_REQUEST_ITEMS;
use registry::Scope;
use state::Head;
use wire::{Access, Caller, Error, Handle};

use super::{
    BadImageId, ImageId, check_image_status, find_repository, page_of, passes, registry_of,
    required,
};
use crate::access::on_repository;
use crate::records::{ImageRecord, RepositoryRecord, in_repository, repository_key};
use crate::refusals::{image_not_found, invalid_parameter};
use crate::{Ecr, images, render};

impl Handle<DescribeImages> for Ecr {
    fn access(&self, caller: &Caller, input: &DescribeImagesRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:DescribeImages", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeImagesRequest,
    ) -> Result<DescribeImagesResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let page = page_of(input.max_results, input.next_token.as_deref())?;
        let filter = input.filter.unwrap_or_default();
        check_image_status(filter.image_status.as_ref())?;
        let ids = input.image_ids.filter(|ids| !ids.is_empty());
        look(&self.store, |head| {
            let repository = find_repository(head, &scope, &name)?;
            let (details, next_token) = match &ids {
                Some(ids) => (named(head, &scope, &repository, ids)?, None),
                None => all(head, &scope, &repository, &page, |is_tagged| {
                    passes(filter.tag_status.as_ref(), is_tagged)
                }),
            };
            Ok(DescribeImagesResponse {
                image_details: Some(details),
                next_token,
            })
        })
        .await
    }
}

/// Each image once, though several ids may name it.
fn named(
    head: &Head,
    scope: &Scope,
    repository: &RepositoryRecord,
    ids: &[ImageIdentifier],
) -> Result<Vec<ImageDetail>, Error> {
    if ids.len() > ECR_REQUEST_ITEMS {
        let constraint =
            format!("Member must have length less than or equal to {ECR_REQUEST_ITEMS}");
        return Err(invalid_parameter("imageIds", &constraint));
    }
    let key = repository_key(scope, &repository.name);
    let mut found: Vec<std::sync::Arc<ImageRecord>> = Vec::new();
    for id in ids {
        let checked = ImageId::of(id).map_err(bad_image_id)?;
        let image = images::find(head, &key, &checked.reference())
            .filter(|image| checked.digest.as_ref().is_none_or(|it| *it == image.digest))
            .ok_or_else(|| {
                let digest = id.image_digest.as_deref();
                image_not_found(scope, &repository.name, digest, id.image_tag.as_deref())
            })?;
        if found.iter().all(|known| known.digest != image.digest) {
            found.push(image);
        }
    }
    let details = found
        .iter()
        .map(|image| render::image_detail(head, repository, image));
    Ok(details.collect())
}

fn all(
    head: &Head,
    scope: &Scope,
    repository: &RepositoryRecord,
    page: &Page,
    passes: impl Fn(bool) -> bool,
) -> (Vec<ImageDetail>, Option<String>) {
    let prefix = in_repository(&repository_key(scope, &repository.name), "");
    let details = head
        .scan::<ImageRecord>(&prefix)
        .map(|image| render::image_detail(head, repository, image))
        .filter(|detail| passes(detail.image_tags.is_some()));
    paginate(page, details, |detail| {
        detail.image_digest.clone().unwrap_or_default()
    })
}

fn bad_image_id(bad: BadImageId) -> Error {
    invalid_parameter_exception(match bad {
        BadImageId::Digest => {
            "Invalid parameter at 'imageDigest' failed to satisfy constraint: 'must be a sha256 digest'"
        }
        BadImageId::Tag => {
            "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must be a valid image tag'"
        }
        BadImageId::Nothing => {
            "Invalid parameter at 'imageIds' failed to satisfy constraint: \
             'an image id must have a digest or a tag'"
        }
    })
}
