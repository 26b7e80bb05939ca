use api_ecs::{
    operations::ListTagsForResource,
    types::{ListTagsForResourceRequest, ListTagsForResourceResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::tagging;
use crate::{Ecs, render::tags};

impl Handle<ListTagsForResource> for Ecs {
    fn access(&self, _caller: &Caller, input: &ListTagsForResourceRequest) -> Access {
        tagging::access("ecs:ListTagsForResource", &input.resource_arn)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTagsForResourceRequest,
    ) -> Result<ListTagsForResourceResponse, Error> {
        let arn = input.resource_arn.unwrap_or_default();
        let tags = self
            .look(|head| Ok(tagging::read(head, &tagging::find(head, caller, &arn)?)))
            .await?;
        Ok(ListTagsForResourceResponse {
            tags: Some(tags::render(&tags)),
        })
    }
}
