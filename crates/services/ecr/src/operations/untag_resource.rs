//! UntagResource.

use api_ecr::operations::UntagResource;
use api_ecr::types::{UntagResourceRequest, UntagResourceResponse};
use kit::tags;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecr, tagging};

impl Handle<UntagResource> for Ecr {
    fn access(&self, _: &Caller, input: &UntagResourceRequest) -> Access {
        let access = tagging::on_arn("ecr:UntagResource", input.resource_arn.as_deref());
        let keys = input.tag_keys.iter().flatten();
        keys.fold(access, |access, key| access.condition("aws:TagKeys", key))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UntagResourceRequest,
    ) -> Result<UntagResourceResponse, Error> {
        let (scope, name) = tagging::repository_of(caller, input.resource_arn.as_deref())?;
        let keys = input.tag_keys.unwrap_or_default();
        self.change_repository(&scope, &name, |_, record| {
            tags::remove(&mut record.tags, &keys);
            Ok(UntagResourceResponse::default())
        })
        .await
    }
}
