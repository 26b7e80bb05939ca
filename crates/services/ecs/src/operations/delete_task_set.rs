use api_ecs::{
    errors,
    operations::DeleteTaskSet,
    types::{DeleteTaskSetRequest, DeleteTaskSetResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::task_sets::{self, ChangeOf};
use crate::{
    Ecs,
    records::{TaskSetRecord, TaskSetStatus},
};

impl Handle<DeleteTaskSet> for Ecs {
    fn access(&self, caller: &Caller, input: &DeleteTaskSetRequest) -> Access {
        task_sets::access(
            "ecs:DeleteTaskSet",
            caller,
            input.cluster.as_deref(),
            input.service.as_deref(),
            &[input.task_set.as_deref().unwrap_or_default()],
        )
    }

    /// The set drains; the scheduler stops its tasks and drops it when the last one is gone.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteTaskSetRequest,
    ) -> Result<DeleteTaskSetResponse, Error> {
        let named = (
            input.cluster.as_deref(),
            input.service.as_deref(),
            input.task_set.as_deref(),
        );
        let check = |set: &TaskSetRecord| match set.status {
            TaskSetStatus::Draining => Ok(ChangeOf::Nothing),
            _ if input.force == Some(true) => Ok(ChangeOf::TheSet),
            _ => check_unused(set),
        };
        let set = self
            .change_task_set(caller, named, check, |service, id, now| {
                if let Some(set) = service.task_set_mut(id) {
                    set.status = TaskSetStatus::Draining;
                    set.scale_percent = 0.0;
                    set.rescale(0, now);
                    set.deployment.updated_at = now;
                }
            })
            .await?;
        Ok(DeleteTaskSetResponse {
            task_set: Some(set),
        })
    }
}

fn check_unused(set: &TaskSetRecord) -> Result<ChangeOf, Error> {
    if set.scale_percent > 0.0 {
        return Err(errors::invalid_parameter_exception(
            "The TaskSet cannot be deleted while it is scaled above 0.",
        ));
    }
    if set.status == TaskSetStatus::Primary {
        return Err(errors::invalid_parameter_exception(
            "The TaskSet cannot be deleted while it is PRIMARY.",
        ));
    }
    Ok(ChangeOf::TheSet)
}
