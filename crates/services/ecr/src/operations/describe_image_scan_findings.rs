//! DescribeImageScanFindings: no image was ever scanned.

use api_ecr::errors::scan_not_found_exception;
use api_ecr::operations::DescribeImageScanFindings;
use api_ecr::types::{DescribeImageScanFindingsRequest, DescribeImageScanFindingsResponse};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::{ImageId, find_repository, registry_of, required};
use crate::access::on_repository;
use crate::records::repository_key;
use crate::refusals::{image_not_found, invalid_parameter};
use crate::{Ecr, images};

impl Handle<DescribeImageScanFindings> for Ecr {
    fn access(&self, caller: &Caller, input: &DescribeImageScanFindingsRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:DescribeImageScanFindings", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeImageScanFindingsRequest,
    ) -> Result<DescribeImageScanFindingsResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let given = input.image_id.unwrap_or_default();
        let id = ImageId::of(&given)
            .map_err(|_| invalid_parameter("imageId", "must have a digest or a tag"))?;
        let (digest, tag) = (given.image_digest.as_deref(), given.image_tag.as_deref());
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let key = repository_key(&scope, &name);
            let image = images::find(head, &key, &id.reference());
            Err(match image {
                None => image_not_found(&scope, &name, digest, tag),
                Some(_) => scan_not_found_exception(format!(
                    "Image scan does not exist for the image with '{{imageDigest:'{}', imageTag:'{}'}}' in the \
                     repository with name '{name}' in the registry with id '{}'",
                    digest.unwrap_or("null"),
                    tag.unwrap_or("null"),
                    scope.account
                )),
            })
        })
        .await
    }
}
