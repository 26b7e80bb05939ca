use api_ecs::{
    operations::DescribeDaemonDeployments,
    types::{DescribeDaemonDeploymentsRequest, DescribeDaemonDeploymentsResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::{
    daemons::{self, Reference},
    service_deployments,
};
use crate::{Ecs, render};

impl Handle<DescribeDaemonDeployments> for Ecs {
    fn access(&self, _: &Caller, input: &DescribeDaemonDeploymentsRequest) -> Access {
        let arns = input.daemon_deployment_arns.iter().flatten();
        service_deployments::access("ecs:DescribeDaemonDeployments", arns)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeDaemonDeploymentsRequest,
    ) -> Result<DescribeDaemonDeploymentsResponse, Error> {
        let arns = input.daemon_deployment_arns.unwrap_or_default();
        service_deployments::check_batch(&arns, "daemonDeploymentArns")?;
        self.look(|head| {
            let (mut found, mut failures) = (vec![], vec![]);
            for arn in &arns {
                let reference = Reference::parse(caller, "daemon-deployment", arn)?;
                match daemons::deployment(head, caller, &reference) {
                    Some(record) => found.push(render::daemon::deployment(head, &record)),
                    None => failures.push(service_deployments::missing(arn)),
                }
            }
            Ok(DescribeDaemonDeploymentsResponse {
                daemon_deployments: Some(found),
                failures: Some(failures),
            })
        })
        .await
    }
}
