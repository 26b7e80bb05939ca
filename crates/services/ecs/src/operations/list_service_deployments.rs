use api_ecs::{
    operations::ListServiceDeployments,
    types::{
        ListServiceDeploymentsRequest, ListServiceDeploymentsResponse, ServiceDeploymentStatus,
    },
};
use wire::{Access, Caller, Error, Handle};

use super::{service_deployments::Listing, services};
use crate::{Ecs, records::RolloutStatus, render};

impl Handle<ListServiceDeployments> for Ecs {
    fn access(&self, caller: &Caller, input: &ListServiceDeploymentsRequest) -> Access {
        services::access(
            "ecs:ListServiceDeployments",
            caller,
            input.cluster.as_deref(),
            input.service.as_deref(),
        )
    }

    /// The newest first.
    async fn handle(
        &self,
        caller: &Caller,
        input: ListServiceDeploymentsRequest,
    ) -> Result<ListServiceDeploymentsResponse, Error> {
        let asked = input.status.iter().flatten();
        let listing = Listing::new(
            (input.max_results, input.next_token.as_deref()),
            input.created_at,
            asked.map(ServiceDeploymentStatus::as_str).collect(),
            ServiceDeploymentStatus::VALUES,
            RolloutStatus::as_str,
        )?;
        let (found, next_token) = self
            .look(|head| {
                let (cluster, service) = (input.cluster.as_deref(), input.service.as_deref());
                let service = services::named(head, caller, cluster, service)?;
                Ok(listing.of(head, &service))
            })
            .await?;
        let briefs = found
            .iter()
            .map(|record| render::service_deployment::brief(record));
        Ok(ListServiceDeploymentsResponse {
            service_deployments: Some(briefs.collect()),
            next_token,
        })
    }
}
