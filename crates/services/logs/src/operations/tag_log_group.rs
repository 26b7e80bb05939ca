//! TagLogGroup.

use api_logs::operations::TagLogGroup;
use api_logs::types::TagLogGroupRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::group::{Group, on_group};
use crate::tags::with_tags;

impl Handle<TagLogGroup> for Logs {
    fn access(&self, caller: &Caller, input: &TagLogGroupRequest) -> Access {
        with_tags(
            on_group("logs:TagLogGroup", caller, input.log_group_name.as_deref()),
            input.tags.as_ref(),
        )
    }

    async fn handle(&self, caller: &Caller, input: TagLogGroupRequest) -> Result<Unit, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        self.tag(&group, input.tags).await?;
        Ok(Unit {})
    }
}
