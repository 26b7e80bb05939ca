use api_ecs::{
    operations::DescribeDaemonTaskDefinition,
    types::{DescribeDaemonTaskDefinitionRequest, DescribeDaemonTaskDefinitionResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::daemon_task_definitions;
use crate::{Ecs, render};

impl Handle<DescribeDaemonTaskDefinition> for Ecs {
    fn access(&self, caller: &Caller, input: &DescribeDaemonTaskDefinitionRequest) -> Access {
        let named = input.daemon_task_definition.as_deref();
        daemon_task_definitions::access("ecs:DescribeDaemonTaskDefinition", caller, named)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeDaemonTaskDefinitionRequest,
    ) -> Result<DescribeDaemonTaskDefinitionResponse, Error> {
        let named = input.daemon_task_definition.as_deref();
        let record = self
            .look(|head| daemon_task_definitions::require(head, caller, named))
            .await?;
        Ok(DescribeDaemonTaskDefinitionResponse {
            daemon_task_definition: Some(render::daemon::task_definition(&record)),
        })
    }
}
