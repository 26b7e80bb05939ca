//! TagResource.

use api_ecr::operations::TagResource;
use api_ecr::types::{TagResourceRequest, TagResourceResponse};
use kit::tags;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecr, tagging};

impl Handle<TagResource> for Ecr {
    fn access(&self, _: &Caller, input: &TagResourceRequest) -> Access {
        let access = tagging::on_arn("ecr:TagResource", input.resource_arn.as_deref());
        tagging::with_tags(access, input.tags.as_deref())
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: TagResourceRequest,
    ) -> Result<TagResourceResponse, Error> {
        let (scope, name) = tagging::repository_of(caller, input.resource_arn.as_deref())?;
        let new = tagging::checked(input.tags)?;
        self.change_repository(&scope, &name, |_, record| {
            tags::merge(&mut record.tags, &new).map_err(tagging::tag_error)?;
            Ok(TagResourceResponse::default())
        })
        .await
    }
}
