//! TagResource.

use api_logs::operations::TagResource;
use api_logs::types::TagResourceRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::group::{Group, on_group};
use crate::tags::with_tags;

impl Handle<TagResource> for Logs {
    fn access(&self, caller: &Caller, input: &TagResourceRequest) -> Access {
        with_tags(
            on_group("logs:TagResource", caller, input.resource_arn.as_deref()),
            input.tags.as_ref(),
        )
    }

    async fn handle(&self, caller: &Caller, input: TagResourceRequest) -> Result<Unit, Error> {
        let group = Group::of_arn(caller, input.resource_arn)?;
        self.tag(&group, input.tags).await?;
        Ok(Unit {})
    }
}
