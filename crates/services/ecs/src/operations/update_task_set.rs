use api_ecs::{
    errors,
    operations::UpdateTaskSet,
    types::{UpdateTaskSetRequest, UpdateTaskSetResponse},
};
use ecs_rules::task_set;
use wire::{Access, Caller, Error, Handle};

use super::task_sets;
use crate::{
    Ecs,
    answer::Refusal,
    records::{ServiceRecord, Stability, TaskSetStatus},
    render,
};

impl Handle<UpdateTaskSet> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateTaskSetRequest) -> Access {
        task_sets::access(
            "ecs:UpdateTaskSet",
            caller,
            input.cluster.as_deref(),
            input.service.as_deref(),
            &[input.task_set.as_deref().unwrap_or_default()],
        )
    }

    /// Only the scale can be changed.
    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateTaskSetRequest,
    ) -> Result<UpdateTaskSetResponse, Error> {
        let Some(scale) = &input.scale else {
            return Err(errors::invalid_parameter_exception(
                "Scale can not be blank.",
            ));
        };
        let scale_percent = task_set::check_scale(Some(scale))?;
        let set = self
            .transact(|tx| {
                let now = self.clock.now();
                let (cluster, service) = (input.cluster.as_deref(), input.service.as_deref());
                let known = task_sets::service(tx, caller, cluster, service)?;
                let set = task_sets::require(caller, &known, input.task_set.as_deref())?;
                if set.status == TaskSetStatus::Draining {
                    return Err(errors::invalid_parameter_exception(
                        "The TaskSet is DRAINING and cannot be updated.",
                    )
                    .into());
                }
                let id = set.id().to_owned();
                let mut record = ServiceRecord::clone(&known);
                let desired_count = record.desired_count;
                if let Some(set) = record.task_set_mut(&id) {
                    set.scale_percent = scale_percent;
                    set.rescale(desired_count, now);
                    set.deployment.forget_failures(now);
                    set.set_stability(Stability::Stabilizing, now);
                }
                let (service, set) =
                    task_sets::put(tx, record, &id, now).expect("the set was found just now");
                Ok::<_, Refusal>(render::task_set::task_set(tx, &service, &set, false))
            })
            .await?;
        Ok(UpdateTaskSetResponse {
            task_set: Some(set),
        })
    }
}
