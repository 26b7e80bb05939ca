use api_ecs::{
    operations::ListDaemonDeployments,
    types::{DaemonDeploymentStatus, ListDaemonDeploymentsRequest, ListDaemonDeploymentsResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::{daemons, service_deployments::Listing};
use crate::{Ecs, render};

impl Handle<ListDaemonDeployments> for Ecs {
    fn access(&self, caller: &Caller, input: &ListDaemonDeploymentsRequest) -> Access {
        daemons::access(
            "ecs:ListDaemonDeployments",
            caller,
            input.daemon_arn.as_deref(),
        )
    }

    /// The newest first.
    async fn handle(
        &self,
        caller: &Caller,
        input: ListDaemonDeploymentsRequest,
    ) -> Result<ListDaemonDeploymentsResponse, Error> {
        let asked = input.status.iter().flatten();
        let listing = Listing::new(
            (input.max_results, input.next_token.as_deref()),
            input.created_at,
            asked.map(DaemonDeploymentStatus::as_str).collect(),
            DaemonDeploymentStatus::VALUES,
            render::daemon::status,
        )?;
        let (found, next_token) = self
            .look(|head| {
                let daemon = daemons::require(head, caller, input.daemon_arn.as_deref())?;
                Ok(listing.of(head, &daemon))
            })
            .await?;
        let summaries = found
            .iter()
            .map(|record| render::daemon::deployment_summary(record));
        Ok(ListDaemonDeploymentsResponse {
            daemon_deployments: Some(summaries.collect()),
            next_token,
        })
    }
}
