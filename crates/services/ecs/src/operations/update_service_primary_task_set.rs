use api_ecs::{
    errors,
    operations::UpdateServicePrimaryTaskSet,
    types::{UpdateServicePrimaryTaskSetRequest, UpdateServicePrimaryTaskSetResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::{services, task_sets};
use crate::{
    Ecs,
    answer::Refusal,
    records::{ServiceRecord, TaskSetStatus},
    render,
};

impl Handle<UpdateServicePrimaryTaskSet> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateServicePrimaryTaskSetRequest) -> Access {
        services::access(
            "ecs:UpdateServicePrimaryTaskSet",
            caller,
            input.cluster.as_deref(),
            input.service.as_deref(),
        )
    }

    /// The service shows what its PRIMARY says; tasks are not touched.
    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateServicePrimaryTaskSetRequest,
    ) -> Result<UpdateServicePrimaryTaskSetResponse, Error> {
        let set = self
            .transact(|tx| {
                let now = self.clock.now();
                let (cluster, service) = (input.cluster.as_deref(), input.service.as_deref());
                let known = task_sets::service(tx, caller, cluster, service)?;
                let set = task_sets::require(caller, &known, input.primary_task_set.as_deref())?;
                if set.status == TaskSetStatus::Draining {
                    return Err(errors::invalid_parameter_exception(
                        "The TaskSet is DRAINING and cannot be made PRIMARY.",
                    )
                    .into());
                }
                let id = set.id().to_owned();
                let mut record = ServiceRecord::clone(&known);
                for set in &mut record.task_sets {
                    let status = match (set.id() == id, set.status) {
                        (true, _) => TaskSetStatus::Primary,
                        (false, TaskSetStatus::Primary) => TaskSetStatus::Active,
                        (false, other) => other,
                    };
                    if status != set.status {
                        set.status = status;
                        set.deployment.updated_at = now;
                    }
                }
                let (service, set) =
                    task_sets::put(tx, record, &id, now).expect("the set was found just now");
                Ok::<_, Refusal>(render::task_set::task_set(tx, &service, &set, false))
            })
            .await?;
        Ok(UpdateServicePrimaryTaskSetResponse {
            task_set: Some(set),
        })
    }
}
