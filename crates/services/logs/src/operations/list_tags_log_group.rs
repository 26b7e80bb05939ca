//! ListTagsLogGroup.

use api_logs::operations::ListTagsLogGroup;
use api_logs::types::{ListTagsLogGroupRequest, ListTagsLogGroupResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::group::{Group, on_group};

impl Handle<ListTagsLogGroup> for Logs {
    fn access(&self, caller: &Caller, input: &ListTagsLogGroupRequest) -> Access {
        on_group(
            "logs:ListTagsLogGroup",
            caller,
            input.log_group_name.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListTagsLogGroupRequest,
    ) -> Result<ListTagsLogGroupResponse, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        let tags = Some(self.tags_of(&group)?);
        Ok(ListTagsLogGroupResponse { tags })
    }
}
