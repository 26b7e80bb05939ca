//! ReleaseNode: the machine of a capacity provider's instance is about to end. It stands in for an Auto Scaling group's
//! termination: managed draining moves the tasks away, and the answer says whether it may end now.

use api_gantry::{
    errors::invalid_parameter_exception,
    operations::ReleaseNode,
    types::{ReleaseNodeRequest, ReleaseNodeResponse},
};
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::{Control, events};

impl Handle<ReleaseNode> for Control {
    fn access(&self, caller: &Caller, _input: &ReleaseNodeRequest) -> Access {
        super::access("gantry:ReleaseNode", caller, "node")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ReleaseNodeRequest,
    ) -> Result<ReleaseNodeResponse, Error> {
        let (name, node) = super::node_of(self, caller, input.node).await?;
        let is_cancelled = input.cancel == Some(true);
        let published = self.ecs.release_instance(&node.key(), is_cancelled).await?;
        let Some((is_draining, published)) = published else {
            return Err(invalid_parameter_exception(format!(
                "{name} is no instance of a capacity provider: UpdateContainerInstancesState drains it."
            )));
        };
        let node_name = self.store.read(|head| events::name_of(head, &node));
        Ok(ReleaseNodeResponse {
            node_name: Some(node_name.head()),
            capacity_provider: Some(published.capacity_provider),
            is_empty: Some(published.is_empty),
            is_draining: Some(is_draining),
            is_protected_from_scale_in: Some(published.is_protected_from_scale_in),
        })
    }
}
