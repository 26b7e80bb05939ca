//! UntagResource.

use api_logs::operations::UntagResource;
use api_logs::types::UntagResourceRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::group::{Group, on_group};

impl Handle<UntagResource> for Logs {
    fn access(&self, caller: &Caller, input: &UntagResourceRequest) -> Access {
        on_group("logs:UntagResource", caller, input.resource_arn.as_deref())
    }

    async fn handle(&self, caller: &Caller, input: UntagResourceRequest) -> Result<Unit, Error> {
        let group = Group::of_arn(caller, input.resource_arn)?;
        self.untag(&group, input.tag_keys).await?;
        Ok(Unit {})
    }
}
