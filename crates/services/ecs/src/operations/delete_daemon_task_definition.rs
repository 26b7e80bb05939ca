use api_ecs::{
    errors,
    operations::DeleteDaemonTaskDefinition,
    types::{DeleteDaemonTaskDefinitionRequest, DeleteDaemonTaskDefinitionResponse},
};
use names::TaskDefinitionReference;
use wire::{Access, Caller, Error, Handle};

use super::daemon_task_definitions;
use crate::{
    Ecs,
    answer::Refusal,
    records::{TaskDefinitionRecord, TaskDefinitionStatus},
};

impl Handle<DeleteDaemonTaskDefinition> for Ecs {
    fn access(&self, caller: &Caller, input: &DeleteDaemonTaskDefinitionRequest) -> Access {
        let named = input.daemon_task_definition.as_deref();
        daemon_task_definitions::access("ecs:DeleteDaemonTaskDefinition", caller, named)
    }

    /// New daemons cannot be made of it; the loop `delete_definitions` deletes it when no daemon uses it any more.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteDaemonTaskDefinitionRequest,
    ) -> Result<DeleteDaemonTaskDefinitionResponse, Error> {
        let named = input.daemon_task_definition.unwrap_or_default();
        let reference = TaskDefinitionReference::of_daemon(&named);
        if reference.is_ok_and(|reference| reference.revision.is_none()) {
            return Err(errors::invalid_parameter_exception("Revision is missing."));
        }
        let now = self.clock.now();
        let arn = self
            .transact(|tx| {
                let known = daemon_task_definitions::require_active(tx, caller, Some(&named))?;
                let mut record = TaskDefinitionRecord::clone(&known);
                record.status = TaskDefinitionStatus::DeleteInProgress;
                record.deregistered_at = Some(now);
                let arn = record.arn();
                tx.put(record);
                Ok::<_, Refusal>(arn)
            })
            .await?;
        Ok(DeleteDaemonTaskDefinitionResponse {
            daemon_task_definition_arn: Some(arn),
        })
    }
}
