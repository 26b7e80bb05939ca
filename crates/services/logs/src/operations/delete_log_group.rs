//! DeleteLogGroup.

use api_logs::errors::validation_exception;
use api_logs::operations::DeleteLogGroup;
use api_logs::types::DeleteLogGroupRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::answer::store_error;
use crate::group::{Group, on_group};

impl Handle<DeleteLogGroup> for Logs {
    fn access(&self, caller: &Caller, input: &DeleteLogGroupRequest) -> Access {
        on_group(
            "logs:DeleteLogGroup",
            caller,
            input.log_group_name.as_deref(),
        )
    }

    async fn handle(&self, caller: &Caller, input: DeleteLogGroupRequest) -> Result<Unit, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        let _one_after_the_other = self.settings.lock().await;
        if self.group_record(&group)?.is_deletion_protected {
            return Err(validation_exception(
                "The log group cannot be deleted because deletion protection is enabled for it.",
            ));
        }
        let deleted = self.store.delete_group(&group.key).await;
        deleted.map_err(store_error)?;
        Ok(Unit {})
    }
}
