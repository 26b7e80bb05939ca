use api_ecs::{
    errors,
    operations::DeleteTaskSet,
    types::{DeleteTaskSetRequest, DeleteTaskSetResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::task_sets;
use crate::{
    Ecs,
    answer::Refusal,
    records::{ServiceRecord, TaskSetRecord, TaskSetStatus},
    render,
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
        let set = self
            .transact(|tx| {
                let now = self.clock.now();
                let (cluster, service) = (input.cluster.as_deref(), input.service.as_deref());
                let known = task_sets::service(tx, caller, cluster, service)?;
                let set = task_sets::require(caller, &known, input.task_set.as_deref())?;
                if set.status == TaskSetStatus::Draining {
                    return Ok(render::task_set::task_set(tx, &known, set, false));
                }
                if input.force != Some(true) {
                    check_unused(set)?;
                }
                let id = set.id().to_owned();
                let mut record = ServiceRecord::clone(&known);
                if let Some(set) = record.task_set_mut(&id) {
                    set.status = TaskSetStatus::Draining;
                    set.scale_percent = 0.0;
                    set.rescale(0, now);
                    set.deployment.updated_at = now;
                }
                let (service, set) =
                    task_sets::put(tx, record, &id, now).expect("the set was found just now");
                Ok::<_, Refusal>(render::task_set::task_set(tx, &service, &set, false))
            })
            .await?;
        Ok(DeleteTaskSetResponse {
            task_set: Some(set),
        })
    }
}

fn check_unused(set: &TaskSetRecord) -> Result<(), Error> {
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
    Ok(())
}
