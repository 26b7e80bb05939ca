use api_ecs::{
    errors,
    operations::StopServiceDeployment,
    types::{
        StopServiceDeploymentRequest, StopServiceDeploymentResponse, StopServiceDeploymentStopType,
    },
};
use wire::{Access, Caller, Error, Handle};

use super::service_deployments;
use crate::{
    Ecs,
    answer::Refusal,
    records::{RolloutStatus, ServiceDeploymentRecord},
};

impl Handle<StopServiceDeployment> for Ecs {
    fn access(&self, _: &Caller, input: &StopServiceDeploymentRequest) -> Access {
        let arn = input.service_deployment_arn.iter();
        service_deployments::access("ecs:StopServiceDeployment", arn)
    }

    /// The scheduler does it. ROLLBACK is what AWS does when nothing is said.
    async fn handle(
        &self,
        caller: &Caller,
        input: StopServiceDeploymentRequest,
    ) -> Result<StopServiceDeploymentResponse, Error> {
        let stop_type = input.stop_type.as_ref();
        let requested = match stop_type.map(StopServiceDeploymentStopType::as_str) {
            None | Some("" | "ROLLBACK") => RolloutStatus::RollbackRequested,
            Some("ABORT") => RolloutStatus::StopRequested,
            Some(_) => {
                return Err(errors::invalid_parameter_exception(
                    "Invalid stopType. Valid values are ABORT and ROLLBACK.",
                ));
            }
        };
        let arn = self
            .transact(|tx| {
                let known = service_deployments::require(
                    tx,
                    caller,
                    input.service_deployment_arn.as_deref(),
                )?;
                match known.status {
                    RolloutStatus::Pending | RolloutStatus::InProgress => {
                        let mut record = ServiceDeploymentRecord::clone(&known);
                        record.status = requested;
                        record.updated_at = self.clock.now();
                        tx.put(record);
                    }
                    // It is on its way already.
                    RolloutStatus::StopRequested
                    | RolloutStatus::RollbackRequested
                    | RolloutStatus::RollbackInProgress => {}
                    over => {
                        return Err(Refusal::from(errors::conflict_exception(format!(
                            "The service deployment cannot be stopped because it is in the {} state.",
                            over.as_str()
                        ))));
                    }
                }
                Ok::<_, Refusal>(known.arn())
            })
            .await?;
        Ok(StopServiceDeploymentResponse {
            service_deployment_arn: Some(arn),
        })
    }
}
