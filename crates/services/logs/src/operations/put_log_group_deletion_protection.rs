//! PutLogGroupDeletionProtection.

use api_logs::operations::PutLogGroupDeletionProtection;
use api_logs::types::PutLogGroupDeletionProtectionRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::group::{Group, on_group};

impl Handle<PutLogGroupDeletionProtection> for Logs {
    fn access(&self, caller: &Caller, input: &PutLogGroupDeletionProtectionRequest) -> Access {
        on_group(
            "logs:PutLogGroupDeletionProtection",
            caller,
            input.log_group_identifier.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutLogGroupDeletionProtectionRequest,
    ) -> Result<Unit, Error> {
        let group = Group::identified(caller, None, input.log_group_identifier)?;
        self.update_group(&group, |record| {
            record.is_deletion_protected = input.deletion_protection_enabled == Some(true);
            Ok(())
        })
        .await?;
        Ok(Unit {})
    }
}
