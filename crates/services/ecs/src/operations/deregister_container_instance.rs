use api_ecs::{
    errors,
    operations::DeregisterContainerInstance,
    types::{DeregisterContainerInstanceRequest, DeregisterContainerInstanceResponse},
};
use state::Record;
use wire::{Access, Caller, Error, Handle, Principal};

use super::container_instances;
use crate::{
    Ecs, NodeUsage, lookup,
    records::{ContainerInstanceRecord, ContainerInstanceStatus},
};

impl Handle<DeregisterContainerInstance> for Ecs {
    fn access(&self, caller: &Caller, input: &DeregisterContainerInstanceRequest) -> Access {
        let (cluster, instance) = (
            input.cluster.as_deref(),
            input.container_instance.as_deref(),
        );
        container_instances::on_instance(
            "ecs:DeregisterContainerInstance",
            caller,
            cluster,
            instance,
        )
    }

    /// With `force`, tasks that still run there are lost: their records end, services replace them.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeregisterContainerInstanceRequest,
    ) -> Result<DeregisterContainerInstanceResponse, Error> {
        let argument = input.container_instance.unwrap_or_default();
        if argument.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Container instance cannot be empty.",
            ));
        }
        let is_forced = input.force == Some(true);
        let now = self.clock.now();
        let instance = self
            .transact(|tx| {
                // A serverless node belongs to no cluster and may deregister itself.
                let cluster = match caller.principal {
                    Principal::Node { .. } => String::new(),
                    _ => lookup::cluster(tx, caller, input.cluster.as_deref())?
                        .name
                        .clone(),
                };
                let known = container_instances::find(tx, caller, &cluster, &argument)
                    .filter(|record| record.status != ContainerInstanceStatus::Inactive)
                    .ok_or_else(|| container_instances::not_found(&argument))?;
                let used = tx.view::<NodeUsage>().of(&known.key());
                if used.tasks > 0 && !is_forced {
                    return Err(errors::invalid_parameter_exception(
                        "Found running tasks on the instance.",
                    )
                    .into());
                }
                let mut record = ContainerInstanceRecord::clone(&known);
                record.deregister(now);
                let rendered = container_instances::render(tx, &record, &[]);
                tx.put(record);
                Ok(rendered)
            })
            .await?;
        Ok(DeregisterContainerInstanceResponse {
            container_instance: Some(instance),
        })
    }
}
