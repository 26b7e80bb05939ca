use api_ecs::{
    errors,
    operations::DeleteService,
    types::{DeleteServiceRequest, DeleteServiceResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::services;
use crate::{
    Ecs,
    answer::Refusal,
    deployments,
    records::{
        DAEMON, RolloutStatus, ServiceDeploymentRecord, ServiceRecord, ServiceStatus, TaskSetStatus,
    },
    render,
};

const DELETED: &str = "Service deployment stopped because the service was deleted.";

impl Handle<DeleteService> for Ecs {
    fn access(&self, caller: &Caller, input: &DeleteServiceRequest) -> Access {
        services::access(
            "ecs:DeleteService",
            caller,
            input.cluster.as_deref(),
            input.service.as_deref(),
        )
    }

    /// The service drains; the scheduler stops what is left of its tasks and then makes it INACTIVE.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteServiceRequest,
    ) -> Result<DeleteServiceResponse, Error> {
        let service = self
            .transact(|tx| {
                let (cluster, service) = (input.cluster.as_deref(), input.service.as_deref());
                let known = services::named(tx, caller, cluster, service)?;
                let mut record = ServiceRecord::clone(&known);
                match record.status {
                    ServiceStatus::Inactive => {
                        return Err(
                            errors::service_not_found_exception("Service not found.").into()
                        );
                    }
                    ServiceStatus::Draining => {}
                    ServiceStatus::Active => {
                        if input.force != Some(true) {
                            check_scaled_in(&record)?;
                        }
                        let now = self.clock.now();
                        record.status = ServiceStatus::Draining;
                        record.desired_count = 0;
                        for deployment in &mut record.deployments {
                            deployment.desired_count = 0;
                            deployment.updated_at = now;
                        }
                        for set in &mut record.task_sets {
                            set.status = TaskSetStatus::Draining;
                            set.rescale(0, now);
                        }
                        if let Some(rollout) = deployments::current(tx, &record) {
                            let mut rollout = ServiceDeploymentRecord::clone(&rollout);
                            let stopped = RolloutStatus::Stopped;
                            deployments::end(tx, &record, &mut rollout, stopped, DELETED, now);
                            tx.put(rollout);
                        }
                        record.updated_at = now;
                        record.version += 1;
                        tx.put(record.clone());
                    }
                }
                Ok::<_, Refusal>(render::service::service(tx, &record, false))
            })
            .await?;
        Ok(DeleteServiceResponse {
            service: Some(service),
        })
    }
}

fn check_scaled_in(record: &ServiceRecord) -> Result<(), Error> {
    if record.desired_count > 0 && record.scheduling_strategy != DAEMON {
        return Err(errors::invalid_parameter_exception(
            "The service cannot be stopped while it is scaled above 0.",
        ));
    }
    if !record.task_sets.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "The service cannot be stopped while task sets are active.",
        ));
    }
    if record.deployments.len() > 1 {
        return Err(errors::invalid_parameter_exception(
            "The service cannot be stopped while deployments are active.",
        ));
    }
    Ok(())
}
