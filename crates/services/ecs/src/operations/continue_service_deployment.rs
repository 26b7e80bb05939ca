use api_ecs::{
    errors,
    operations::ContinueServiceDeployment,
    types::{
        ContinueServiceDeploymentRequest, ContinueServiceDeploymentResponse,
        DeploymentLifecycleHookAction,
    },
};
use wire::{Access, Caller, Error, Handle};

use super::service_deployments;
use crate::{
    Ecs,
    answer::Refusal,
    records::{HookStatus, RolloutStatus, ServiceDeploymentRecord},
};

impl Handle<ContinueServiceDeployment> for Ecs {
    fn access(&self, _: &Caller, input: &ContinueServiceDeploymentRequest) -> Access {
        let arn = input.service_deployment_arn.iter();
        service_deployments::access("ecs:ContinueServiceDeployment", arn)
    }

    /// Answers a pause hook; the scheduler goes on from there.
    async fn handle(
        &self,
        caller: &Caller,
        input: ContinueServiceDeploymentRequest,
    ) -> Result<ContinueServiceDeploymentResponse, Error> {
        let action = input.action.as_ref();
        let goes_on = match action.map(DeploymentLifecycleHookAction::as_str) {
            None | Some("" | "CONTINUE") => true,
            Some("ROLLBACK") => false,
            Some(_) => {
                return Err(errors::invalid_parameter_exception(
                    "Invalid action. Valid values are ROLLBACK and CONTINUE.",
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
                if known.status != RolloutStatus::InProgress {
                    return Err(refused(format!(
                        "The service deployment is in the {} state: only one that is IN_PROGRESS can be continued.",
                        known.status.as_str()
                    )));
                }
                let mut record = ServiceDeploymentRecord::clone(&known);
                let mut hooks = record.stages.iter_mut().flat_map(|stages| &mut stages.hooks);
                let wanted = input.hook_id.as_deref().unwrap_or_default();
                let Some(hook) = hooks.find(|hook| hook.id == wanted) else {
                    return Err(refused(format!(
                        "The service deployment has no lifecycle hook with the hookId '{wanted}'."
                    )));
                };
                if hook.status != HookStatus::AwaitingAction {
                    return Err(refused(format!(
                        "The lifecycle hook is in the {} state: only one that is AWAITING_ACTION can be continued.",
                        hook.status.as_str()
                    )));
                }
                hook.status = if goes_on {
                    HookStatus::Succeeded
                } else {
                    HookStatus::Failed
                };
                record.updated_at = self.clock.now();
                if !goes_on {
                    record.status = RolloutStatus::RollbackRequested;
                }
                tx.put(record);
                Ok::<_, Refusal>(known.arn())
            })
            .await?;
        Ok(ContinueServiceDeploymentResponse {
            service_deployment_arn: Some(arn),
        })
    }
}

fn refused(message: String) -> Refusal {
    errors::invalid_parameter_exception(message).into()
}
