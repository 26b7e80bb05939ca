use api_ecs::{
    errors,
    operations::UpdateContainerInstancesState,
    types::{Failure, UpdateContainerInstancesStateRequest, UpdateContainerInstancesStateResponse},
};
use limits::CONTAINER_INSTANCES_PER_STATE_CHANGE;
use wire::{Access, Caller, Error, Handle};

use super::container_instances::{self, arn_of};
use crate::{
    Ecs,
    access::scope_of,
    lookup,
    records::{ContainerInstanceRecord, ContainerInstanceStatus},
    render,
};

impl Handle<UpdateContainerInstancesState> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateContainerInstancesStateRequest) -> Access {
        let cluster = crate::access::cluster_of(input.cluster.as_deref());
        let named = input.container_instances.iter().flatten();
        Access::action("ecs:UpdateContainerInstancesState")
            .resources(named.map(|argument| arn_of(caller, &cluster, argument)))
            .condition("ecs:cluster", scope_of(caller).cluster(&cluster))
    }

    /// A DRAINING instance gets no more tasks (placement asks), services replace theirs (their planner asks), and tasks
    /// of nobody's service run on.
    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateContainerInstancesStateRequest,
    ) -> Result<UpdateContainerInstancesStateResponse, Error> {
        let status = match input.status.as_ref().map(|status| status.as_str()) {
            Some("ACTIVE") => ContainerInstanceStatus::Active,
            Some("DRAINING") => ContainerInstanceStatus::Draining,
            _ => {
                return Err(errors::invalid_parameter_exception(
                    "Container instance status should be one of [ACTIVE,DRAINING].",
                ));
            }
        };
        let named = input.container_instances.unwrap_or_default();
        if named.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Container instances cannot be empty.",
            ));
        }
        if named.len() > CONTAINER_INSTANCES_PER_STATE_CHANGE {
            return Err(errors::invalid_parameter_exception(format!(
                "Container instances cannot have more than {CONTAINER_INSTANCES_PER_STATE_CHANGE} elements."
            )));
        }
        let (instances, failures) = self
            .transact(|tx| {
                let cluster = lookup::cluster(tx, caller, input.cluster.as_deref())?;
                let (mut instances, mut failures) = (vec![], vec![]);
                for argument in &named {
                    let known = container_instances::find(tx, caller, &cluster.name, argument);
                    let Some(known) = known else {
                        failures.push(render::missing(arn_of(caller, &cluster.name, argument)));
                        continue;
                    };
                    if known.status == ContainerInstanceStatus::Inactive {
                        failures.push(Failure {
                            arn: Some(known.arn()),
                            reason: Some("INACTIVE".into()),
                            detail: None,
                        });
                        continue;
                    }
                    let mut record = ContainerInstanceRecord::clone(&known);
                    if record.status != status {
                        record.status = status;
                        record.version += 1;
                        tx.put(record.clone());
                    }
                    instances.push(container_instances::render(tx, &record, &[]));
                }
                Ok((instances, failures))
            })
            .await?;
        Ok(UpdateContainerInstancesStateResponse {
            container_instances: Some(instances),
            failures: Some(failures),
        })
    }
}
