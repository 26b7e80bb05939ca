use api_ecs::{
    errors,
    operations::CreateDaemon,
    types::{CreateDaemonRequest, CreateDaemonResponse},
};
use ecs_rules::daemon;
use limits::DAEMONS_PER_CLUSTER;
use state::{Record, Tx};
use wire::{Access, Caller, Error, Handle, Stored};

use super::{
    daemons::{self, Asked},
    services,
};
use crate::{
    Ecs, access,
    answer::Refusal,
    client_token::{Claim, Seen},
    deployments, lookup,
    records::{ClusterRecord, DAEMON, DAEMON_PREFIX, ServiceRecord, ServiceStatus},
    render, service_events,
};

impl Handle<CreateDaemon> for Ecs {
    fn access(&self, caller: &Caller, input: &CreateDaemonRequest) -> Access {
        let name = input.daemon_name.as_deref().unwrap_or_default();
        let cluster = input.cluster_arn.as_deref();
        let access = access::in_cluster("ecs:CreateDaemon", caller, cluster, |scope, cluster| {
            scope.daemon(cluster, name)
        });
        let daemon = access::scope_of(caller).daemon(&access::cluster_of(cluster), name);
        self.with_tags_of_creation(caller, access, "CreateDaemon", daemon, &input.tags)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: CreateDaemonRequest,
    ) -> Result<CreateDaemonResponse, Error> {
        let request = CreateDaemonRequest {
            client_token: None,
            ..input.clone()
        };
        let claim = Claim::new(input.client_token.as_deref(), &request)?;
        self.transact(|tx| {
            let cluster = lookup::cluster(tx, caller, input.cluster_arn.as_deref())?;
            let name = daemon::check_name(input.daemon_name.as_deref())?;
            let name = format!("{DAEMON_PREFIX}{name}");
            let key = ServiceRecord::key_of(&caller.account, &caller.region, &cluster.name, &name);
            let scope = format!("{}/CreateDaemon", cluster.key());
            if let Seen::Other(_) = claim.look(tx, &scope, self.clock.now()) {
                return Err(errors::client_exception(
                    "The clientToken is already in use with a different request.",
                )
                .into());
            }
            if let Some(known) = tx.get::<ServiceRecord>(&key) {
                match known.status {
                    ServiceStatus::Inactive => {}
                    ServiceStatus::Active if known.creation_fingerprint == claim.fingerprint() => {
                        return Ok(render::daemon::created(tx, &known));
                    }
                    ServiceStatus::Active => {
                        return Err(errors::invalid_parameter_exception(
                            "Creation of daemon was not idempotent.",
                        )
                        .into());
                    }
                    ServiceStatus::Draining => {
                        return Err(errors::invalid_parameter_exception(
                            "Unable to create a daemon that is still being deleted.",
                        )
                        .into());
                    }
                }
            }
            let mut record = self.new_daemon(tx, caller, &cluster, name, &input)?;
            record.creation_fingerprint = claim.fingerprint().to_owned();
            deployments::begin(&self.clock, tx, &mut record)?;
            tx.put(record.clone());
            claim.keep(tx, &scope, record.arn(), self.clock.now());
            Ok::<_, Refusal>(render::daemon::created(tx, &record))
        })
        .await
    }
}

impl Ecs {
    fn new_daemon(
        &self,
        tx: &Tx<'_>,
        caller: &Caller,
        cluster: &ClusterRecord,
        name: String,
        input: &CreateDaemonRequest,
    ) -> Result<ServiceRecord, Refusal> {
        if crate::daemons::of_cluster(tx, &cluster.key()).len() >= DAEMONS_PER_CLUSTER {
            return Err(errors::invalid_parameter_exception(
                "The maximum number of daemons for this cluster has been exceeded.",
            )
            .into());
        }
        let asked = Asked {
            definition: input.daemon_task_definition_arn.as_deref(),
            capacity_providers: input.capacity_provider_arns.as_deref().unwrap_or_default(),
            critical: input.critical.unwrap_or(true),
            propagate_tags: daemon::propagates_tags(input.propagate_tags.as_ref())?,
            enable_ecs_managed_tags: input.enable_ecs_managed_tags.unwrap_or_default(),
            enable_execute_command: input.enable_execute_command.unwrap_or_default(),
        };
        let task_spec = daemons::task_spec(tx, caller, cluster, &asked)?;
        let configuration = daemon::configuration(None, input.deployment_configuration.clone())?;
        let of_service = daemon::as_of_service(&configuration)?;
        services::check_alarms(tx, caller, &of_service)?;
        let now = self.clock.now();
        let key = ServiceRecord::key_of(&caller.account, &caller.region, &cluster.name, &name);
        Ok(ServiceRecord {
            account: caller.account.clone(),
            region: caller.region.clone(),
            cluster: cluster.name.clone(),
            name,
            status: ServiceStatus::Active,
            // The scheduler says it: as many as there are nodes.
            desired_count: 0,
            deployments: vec![],
            task_sets: vec![],
            zone_move: None,
            service_deployment: None,
            rollback_candidate: None,
            task_spec,
            deployment_configuration: Stored(of_service),
            daemon_configuration: Some(Stored(configuration)),
            scheduling_strategy: DAEMON.into(),
            deployment_controller: "ECS".into(),
            availability_zone_rebalancing: "DISABLED".into(),
            health_check_grace_period_seconds: None,
            enable_ecs_managed_tags: asked.enable_ecs_managed_tags,
            enable_execute_command: asked.enable_execute_command,
            propagate_tags: "NONE".into(),
            role_arn: None,
            steady_state_reported_at: None,
            first_event: service_events::next_sequence(tx, &key),
            creation_fingerprint: String::new(),
            tags: render::tags::parse(input.tags.clone())?,
            created_by: caller.principal.arn(&caller.account),
            created_at: now,
            updated_at: now,
            version: 1,
        })
    }
}
