//! ListTagsForResource.

use api_logs::operations::ListTagsForResource;
use api_logs::types::{ListTagsForResourceRequest, ListTagsForResourceResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::group::{Group, on_group};

impl Handle<ListTagsForResource> for Logs {
    fn access(&self, caller: &Caller, input: &ListTagsForResourceRequest) -> Access {
        on_group(
            "logs:ListTagsForResource",
            caller,
            input.resource_arn.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, Error> {
        let group = Group::of_arn(caller, input.resource_arn)?;
        let tags = Some(self.tags_of(&group)?);
        Ok(ListTagsForResourceResponse { tags })
    }
}
