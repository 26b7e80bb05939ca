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
    records::{Stability, TaskSetRecord},
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
        let named = (
            input.cluster.as_deref(),
            input.service.as_deref(),
            input.task_set.as_deref(),
        );
        let check = |set: &TaskSetRecord| task_sets::refuse_draining(set, "updated");
        let set = self
            .change_task_set(caller, named, check, |service, id, now| {
                let desired_count = service.desired_count;
                if let Some(set) = service.task_set_mut(id) {
                    set.scale_percent = scale_percent;
                    set.rescale(desired_count, now);
                    set.deployment.forget_failures(now);
                    set.set_stability(Stability::Stabilizing, now);
                }
            })
            .await?;
        Ok(UpdateTaskSetResponse {
            task_set: Some(set),
        })
    }
}
