//! DeleteRetentionPolicy.

use api_logs::operations::DeleteRetentionPolicy;
use api_logs::types::DeleteRetentionPolicyRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::group::{Group, on_group};

impl Handle<DeleteRetentionPolicy> for Logs {
    fn access(&self, caller: &Caller, input: &DeleteRetentionPolicyRequest) -> Access {
        on_group(
            "logs:DeleteRetentionPolicy",
            caller,
            input.log_group_name.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteRetentionPolicyRequest,
    ) -> Result<Unit, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        self.update_group(&group, |record| {
            record.retention_days = None;
            Ok(())
        })
        .await?;
        Ok(Unit {})
    }
}
