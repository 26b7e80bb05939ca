//! UntagLogGroup.

use api_logs::operations::UntagLogGroup;
use api_logs::types::UntagLogGroupRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::group::{Group, on_group};

impl Handle<UntagLogGroup> for Logs {
    fn access(&self, caller: &Caller, input: &UntagLogGroupRequest) -> Access {
        on_group(
            "logs:UntagLogGroup",
            caller,
            input.log_group_name.as_deref(),
        )
    }

    async fn handle(&self, caller: &Caller, input: UntagLogGroupRequest) -> Result<Unit, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        self.untag(&group, input.tags).await?;
        Ok(Unit {})
    }
}
