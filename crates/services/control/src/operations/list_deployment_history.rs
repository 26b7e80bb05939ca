//! ListDeploymentHistory: deployments, by the time they began, each as it was last.

use api_gantry::operations::ListDeploymentHistory;
use api_gantry::types::{
    DeploymentHistory, ListDeploymentHistoryRequest, ListDeploymentHistoryResponse,
};
use wire::{Access, Caller, Error, Handle};

use super::{
    given,
    history_list::{Asked, List, failed},
    timestamp,
};
use crate::{Control, deployments::Deployment, record_events};

impl Handle<ListDeploymentHistory> for Control {
    fn access(&self, caller: &Caller, _input: &ListDeploymentHistoryRequest) -> Access {
        super::access("gantry:ListDeploymentHistory", caller, "history")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListDeploymentHistoryRequest,
    ) -> Result<ListDeploymentHistoryResponse, Error> {
        let mut list = List::new(
            caller,
            &Asked {
                since: input.since,
                until: input.until,
                cluster: input.cluster.as_ref(),
                service: input.service.as_ref(),
                max_results: input.max_results,
                next_token: input.next_token.as_ref(),
            },
        )?;
        let service = given(input.service.as_ref());
        while list.goes_on() {
            let entries = self
                .history
                .list(history::DEPLOYMENTS, &list.query())
                .await
                .map_err(|error| failed(&error))?;
            let decoded = entries.into_iter().map(|entry| {
                let deployment = record_events::decode::<Deployment>(&entry);
                let deployment = deployment.map_err(|error| failed(&error))?;
                Ok((entry.at, entry.key, deployment))
            });
            list.take(decoded.collect::<Result<_, Error>>()?, |deployment| {
                service.is_none_or(|service| deployment.service == service)
            });
        }
        let (found, next_token) = list.finish();
        Ok(ListDeploymentHistoryResponse {
            deployments: Some(found.into_iter().map(shown).collect()),
            next_token,
        })
    }
}

fn shown(deployment: Deployment) -> DeploymentHistory {
    DeploymentHistory {
        deployment_id: Some(deployment.id),
        cluster: Some(deployment.cluster),
        service: Some(deployment.service),
        task_definition: Some(deployment.task_definition),
        desired_count: Some(deployment.desired_count),
        rollout_state: Some(deployment.rollout_state),
        rollout_state_reason: Some(deployment.rollout_state_reason),
        failed_tasks: Some(deployment.failed_tasks),
        created_at: timestamp(deployment.created_at),
        updated_at: timestamp(deployment.updated_at),
    }
}
