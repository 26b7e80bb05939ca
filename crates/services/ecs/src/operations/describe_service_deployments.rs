use api_ecs::{
    operations::DescribeServiceDeployments,
    types::{DescribeServiceDeploymentsRequest, DescribeServiceDeploymentsResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::service_deployments::{self, Reference};
use crate::{Ecs, render};

impl Handle<DescribeServiceDeployments> for Ecs {
    fn access(&self, _: &Caller, input: &DescribeServiceDeploymentsRequest) -> Access {
        let arns = input.service_deployment_arns.iter().flatten();
        service_deployments::access("ecs:DescribeServiceDeployments", arns)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeServiceDeploymentsRequest,
    ) -> Result<DescribeServiceDeploymentsResponse, Error> {
        let arns = input.service_deployment_arns.unwrap_or_default();
        service_deployments::check_batch(&arns, "serviceDeploymentArns")?;
        self.look(|head| {
            let (mut found, mut failures) = (vec![], vec![]);
            for arn in &arns {
                let reference = Reference::parse(caller, "service-deployment", arn)?;
                match service_deployments::find(head, caller, &reference) {
                    Some(record) => {
                        found.push(render::service_deployment::service_deployment(
                            head, &record,
                        ));
                    }
                    None => failures.push(service_deployments::missing(arn)),
                }
            }
            Ok(DescribeServiceDeploymentsResponse {
                service_deployments: Some(found),
                failures: Some(failures),
            })
        })
        .await
    }
}
