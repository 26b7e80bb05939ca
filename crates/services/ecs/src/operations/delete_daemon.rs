use api_ecs::{
    operations::DeleteDaemon,
    types::{DeleteDaemonRequest, DeleteDaemonResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::daemons;
use crate::{
    Ecs,
    answer::Refusal,
    deployments,
    records::{RolloutStatus, ServiceDeploymentRecord, ServiceRecord, ServiceStatus},
    render,
};

const DELETED: &str = "Daemon deployment stopped because the daemon was deleted.";

impl Handle<DeleteDaemon> for Ecs {
    fn access(&self, caller: &Caller, input: &DeleteDaemonRequest) -> Access {
        daemons::access("ecs:DeleteDaemon", caller, input.daemon_arn.as_deref())
    }

    /// Its tasks are stopped, by a deployment of its own; then it is gone.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteDaemonRequest,
    ) -> Result<DeleteDaemonResponse, Error> {
        self.transact(|tx| {
            let known = daemons::require_active(tx, caller, input.daemon_arn.as_deref())?;
            let mut record = ServiceRecord::clone(&known);
            let now = self.clock.now();
            if let Some(rollout) = deployments::current(tx, &record) {
                let mut rollout = ServiceDeploymentRecord::clone(&rollout);
                let stopped = RolloutStatus::Stopped;
                if deployments::end(tx, &record, &mut rollout, stopped, DELETED, now) {
                    tx.put(rollout);
                }
            }
            deployments::tear_down(&self.clock, tx, &mut record);
            record.status = ServiceStatus::Draining;
            record.desired_count = 0;
            record.updated_at = now;
            record.version += 1;
            tx.put(record.clone());
            Ok::<_, Refusal>(render::daemon::deleted(tx, &record))
        })
        .await
    }
}
