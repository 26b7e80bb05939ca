use api_ecs::{
    operations::UpdateServicePrimaryTaskSet,
    types::{UpdateServicePrimaryTaskSetRequest, UpdateServicePrimaryTaskSetResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::{services, task_sets};
use crate::{
    Ecs,
    records::{TaskSetRecord, TaskSetStatus},
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
        let named = (
            input.cluster.as_deref(),
            input.service.as_deref(),
            input.primary_task_set.as_deref(),
        );
        let check = |set: &TaskSetRecord| task_sets::refuse_draining(set, "made PRIMARY");
        let set = self
            .change_task_set(caller, named, check, |service, id, now| {
                for set in &mut service.task_sets {
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
            })
            .await?;
        Ok(UpdateServicePrimaryTaskSetResponse {
            task_set: Some(set),
        })
    }
}
