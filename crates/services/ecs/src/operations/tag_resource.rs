use api_ecs::{
    operations::TagResource,
    types::{TagResourceRequest, TagResourceResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::tagging;
use crate::{Ecs, access::with_request_tags, render::tags};

impl Handle<TagResource> for Ecs {
    fn access(&self, _caller: &Caller, input: &TagResourceRequest) -> Access {
        with_request_tags(
            tagging::access("ecs:TagResource", &input.resource_arn),
            &input.tags,
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: TagResourceRequest,
    ) -> Result<TagResourceResponse, Error> {
        let arn = input.resource_arn.unwrap_or_default();
        let new = tags::unchecked(input.tags);
        self.transact(|tx| {
            let tagged = tagging::find(tx, caller, &arn)?;
            let mut all = tagging::read(tx, &tagged);
            kit::tags::merge(&mut all, &new).map_err(tags::refuse)?;
            tagging::write(tx, &tagged, all)
        })
        .await?;
        Ok(TagResourceResponse::default())
    }
}
