use api_ecs::{
    operations::UpdateDaemon,
    types::{UpdateDaemonRequest, UpdateDaemonResponse},
};
use ecs_rules::daemon;
use wire::{Access, Caller, Error, Handle, Stored};

use super::{
    daemons::{self, Asked},
    services,
};
use crate::{Ecs, answer::Refusal, deployments, lookup, records::ServiceRecord, render};

impl Handle<UpdateDaemon> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateDaemonRequest) -> Access {
        daemons::access("ecs:UpdateDaemon", caller, input.daemon_arn.as_deref())
    }

    /// Every update is a deployment. What a request does not name stays as it is.
    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateDaemonRequest,
    ) -> Result<UpdateDaemonResponse, Error> {
        self.transact(|tx| {
            let known = daemons::require_active(tx, caller, input.daemon_arn.as_deref())?;
            let cluster = lookup::cluster(tx, caller, Some(&known.cluster))?;
            let mut record = ServiceRecord::clone(&known);
            let current = record.task_spec.daemon.clone().unwrap_or_default();
            let asked = Asked {
                definition: input.daemon_task_definition_arn.as_deref(),
                capacity_providers: input.capacity_provider_arns.as_deref().unwrap_or_default(),
                critical: input.critical.unwrap_or(current.critical),
                propagate_tags: match &input.propagate_tags {
                    Some(asked) => daemon::propagates_tags(Some(asked))?,
                    None => current.propagate_tags,
                },
                enable_ecs_managed_tags: input
                    .enable_ecs_managed_tags
                    .unwrap_or(current.enable_ecs_managed_tags),
                enable_execute_command: input
                    .enable_execute_command
                    .unwrap_or(current.enable_execute_command),
            };
            record.task_spec = daemons::task_spec(tx, caller, &cluster, &asked)?;
            let configuration = daemon::configuration(
                record.daemon_configuration.as_ref().map(|stored| &stored.0),
                input.deployment_configuration.clone(),
            )?;
            let of_service = daemon::as_of_service(&configuration)?;
            services::check_alarms(tx, caller, &of_service)?;
            record.deployment_configuration = Stored(of_service);
            record.daemon_configuration = Some(Stored(configuration));
            record.enable_ecs_managed_tags = asked.enable_ecs_managed_tags;
            record.enable_execute_command = asked.enable_execute_command;
            deployments::begin(&self.clock, tx, &mut record)?;
            record.updated_at = self.clock.now();
            record.version += 1;
            tx.put(record.clone());
            Ok::<_, Refusal>(render::daemon::updated(tx, &record))
        })
        .await
    }
}
