use api_ecs::{
    errors,
    operations::UpdateContainerAgent,
    types::{UpdateContainerAgentRequest, UpdateContainerAgentResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::container_instances;
use crate::{Ecs, lookup, records::ContainerInstanceStatus};

impl Handle<UpdateContainerAgent> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateContainerAgentRequest) -> Access {
        let (cluster, instance) = (
            input.cluster.as_deref(),
            input.container_instance.as_deref(),
        );
        container_instances::on_instance("ecs:UpdateContainerAgent", caller, cluster, instance)
    }

    /// The agent is part of the binary that the operator installs: this server has no newer one to give.
    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateContainerAgentRequest,
    ) -> Result<UpdateContainerAgentResponse, Error> {
        let argument = input.container_instance.unwrap_or_default();
        if argument.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Container instance cannot be empty.",
            ));
        }
        self.look(|head| {
            let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
            container_instances::find(head, caller, &cluster.name, &argument)
                .filter(|record| record.status != ContainerInstanceStatus::Inactive)
                .ok_or_else(|| container_instances::not_found(&argument))
        })
        .await?;
        Err(errors::no_update_available_exception(
            "There is no update available for your container agent.",
        ))
    }
}
