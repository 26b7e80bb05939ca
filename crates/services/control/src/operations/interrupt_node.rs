//! InterruptNode: the Fargate Spot tasks of a node lose their capacity, as AWS takes it back at any time.

use api_gantry::{
    errors::invalid_parameter_exception,
    operations::InterruptNode,
    types::{InterruptNodeRequest, InterruptNodeResponse},
};
use service_ecs::records::Capacity;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::{Control, events};

impl Handle<InterruptNode> for Control {
    fn access(&self, caller: &Caller, _input: &InterruptNodeRequest) -> Access {
        super::access("gantry:InterruptNode", caller, "node")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: InterruptNodeRequest,
    ) -> Result<InterruptNodeResponse, Error> {
        let (name, node) = super::node_of(self, caller, input.node).await?;
        if node.capacity != Capacity::Serverless {
            return Err(invalid_parameter_exception(format!(
                "{name} is a container instance: only serverless capacity runs FARGATE_SPOT tasks. UpdateContainerInstancesState drains it."
            )));
        }
        let arns = self.ecs.interrupt_spot_tasks(&node.key()).await?;
        let node_name = self.store.read(|head| events::name_of(head, &node));
        Ok(InterruptNodeResponse {
            node_name: Some(node_name.head()),
            task_arns: Some(arns),
        })
    }
}
