//! ListTagsForResource.

use api_ssm::operations::ListTagsForResource;
use api_ssm::types::{ListTagsForResourceRequest, ListTagsForResourceResult};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::tagged;
use crate::name::arn_of;
use crate::{Ssm, render};

impl Handle<ListTagsForResource> for Ssm {
    fn access(&self, caller: &Caller, input: &ListTagsForResourceRequest) -> Access {
        Access::action("ssm:ListTagsForResource")
            .resource(arn_of(caller, input.resource_id.as_deref()))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResult, Error> {
        let found = look(&self.store, |head| {
            tagged(
                head,
                caller,
                input.resource_type.as_ref(),
                input.resource_id.as_deref(),
            )
        });
        Ok(ListTagsForResourceResult {
            tag_list: Some(render::tags(&found.await?.record)),
        })
    }
}
