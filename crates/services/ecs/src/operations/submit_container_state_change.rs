//! SubmitContainerStateChange: one container of a task. Amazon's agent has it and does not use it.

use api_ecs::{
    operations,
    types::{
        ContainerStateChange, SubmitContainerStateChangeRequest, SubmitContainerStateChangeResponse,
    },
};
use wire::{Access, Caller, Error, Handle};

use super::submit_task_state_change::ACKNOWLEDGMENT;
use crate::{Ecs, access, report::NodeReport};

impl Handle<operations::SubmitContainerStateChange> for Ecs {
    fn access(&self, caller: &Caller, input: &SubmitContainerStateChangeRequest) -> Access {
        let scope = access::scope_of(caller);
        let cluster = access::cluster_of(input.cluster.as_deref());
        Access::action("ecs:SubmitContainerStateChange").resource(scope.cluster(&cluster))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: SubmitContainerStateChangeRequest,
    ) -> Result<SubmitContainerStateChangeResponse, Error> {
        let mut report = NodeReport::default();
        report.add_container(ContainerStateChange {
            container_name: input.container_name,
            exit_code: input.exit_code,
            image_digest: None,
            network_bindings: input.network_bindings,
            reason: input.reason,
            runtime_id: input.runtime_id,
            status: input.status,
        })?;
        let task = input.task.unwrap_or_default();
        self.submit(caller, input.cluster.as_deref(), &task, &report)
            .await?;
        Ok(SubmitContainerStateChangeResponse {
            acknowledgment: Some(ACKNOWLEDGMENT.into()),
        })
    }
}
