use api_ecs::{
    errors,
    operations::UpdateService,
    types::{UpdateServiceRequest, UpdateServiceResponse},
};
use clock::UnixMillis;
use ecs_rules::{
    deployment_configuration::deployment_configuration,
    execute_command,
    service::{self, AskedOfDaemon},
};
use state::{Head, Tx};
use wire::{Access, Caller, Error, Handle, Stored};

use super::{
    refused::{self, UPDATE_SERVICE},
    run_task,
    services::{self, Asked},
    task_sets,
};
use crate::{
    Ecs, access,
    answer::Refusal,
    deployments,
    launch::Plan,
    lookup,
    records::{
        ClusterRecord, DAEMON, ServiceDeploymentRecord, ServiceRecord, ServiceStatus,
        TaskDefinitionRecord, TaskSpec,
    },
    render,
};

impl Handle<UpdateService> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateServiceRequest) -> Access {
        let scope = access::scope_of(caller);
        let mut access = services::access(
            "ecs:UpdateService",
            caller,
            input.cluster.as_deref(),
            input.service.as_deref(),
        );
        if let Some(definition) = &input.task_definition {
            let arn = access::task_definition(&scope, definition);
            access = access.condition("ecs:task-definition", arn);
        }
        let providers = input.capacity_provider_strategy.iter().flatten();
        for provider in providers.filter_map(|item| item.capacity_provider.as_deref()) {
            access = access.condition("ecs:capacity-provider", scope.capacity_provider(provider));
        }
        if let Some(exec) = input.enable_execute_command {
            access = access.condition("ecs:enable-execute-command", exec.to_string());
        }
        if let Some(managed_tags) = input.enable_ecs_managed_tags {
            access = access.condition("ecs:enable-ecs-managed-tags", managed_tags.to_string());
        }
        services::with_network(access, input.network_configuration.as_ref())
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateServiceRequest,
    ) -> Result<UpdateServiceResponse, Error> {
        let service = self
            .transact(|tx| {
                let record = self.update_service(tx, caller, &input)?;
                Ok::<_, Refusal>(render::service::service(tx, &record, false))
            })
            .await?;
        Ok(UpdateServiceResponse {
            service: Some(service),
        })
    }
}

impl Ecs {
    /// The whole change, and the service as it is then.
    pub(crate) fn update_service(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        input: &UpdateServiceRequest,
    ) -> Result<ServiceRecord, Refusal> {
        refused::check(UPDATE_SERVICE, input)?;
        let cluster = lookup::cluster(tx, caller, input.cluster.as_deref())?;
        let known = services::require(tx, caller, &cluster.name, input.service.as_deref())?;
        if known.status != ServiceStatus::Active {
            return Err(errors::service_not_active_exception("Service was not ACTIVE.").into());
        }
        let mut record = ServiceRecord::clone(&known);
        self.update(tx, caller, &cluster, &mut record, input)?;
        tx.put(record.clone());
        Ok(record)
    }

    fn update(
        &self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        cluster: &ClusterRecord,
        record: &mut ServiceRecord,
        input: &UpdateServiceRequest,
    ) -> Result<(), Refusal> {
        if record.is_external() {
            return task_sets::update_service(record, input, self.clock.now());
        }
        change_settings(record, input)?;
        if input.deployment_configuration.is_some() {
            services::check_alarms(tx, caller, &record.deployment_configuration)?;
            services::check_functions(tx, &record.deployment_configuration)?;
        }
        let now = self.clock.now();
        let spec = changed_spec(tx, caller, cluster, record, input)?;
        if input.task_definition.is_some() || input.enable_execute_command.is_some() {
            check_execute_command(tx, record, &spec)?;
        }
        if let Some(asked) = &input.availability_zone_rebalancing {
            let rebalancing = services::zone_rebalancing(record, &spec, asked)?;
            record.availability_zone_rebalancing = rebalancing.into();
            record.zone_move = None;
        }
        let forced = input.force_new_deployment == Some(true);
        if forced || spec.differs_for_deployment(&record.task_spec) {
            record.task_spec = spec;
            deployments::begin(&self.clock, tx, record)?;
        } else {
            self.update_in_place(tx, record, spec, now);
        }
        record.updated_at = now;
        record.version += 1;
        Ok(())
    }

    /// What holds without a new deployment, also for one that is under way.
    fn update_in_place(
        &self,
        tx: &mut Tx<'_>,
        record: &mut ServiceRecord,
        spec: TaskSpec,
        now: UnixMillis,
    ) {
        let desired_count = record.desired_count;
        if let Some(primary) = record.primary_mut() {
            let platform_version = primary.task_spec.platform_version.clone();
            primary.task_spec = TaskSpec {
                platform_version,
                ..spec.clone()
            };
            primary.desired_count = desired_count;
            primary.forget_failures(now);
        }
        record.task_spec = spec;
        if let Some(rollout) = deployments::current(tx, record)
            && !rollout.status.is_over()
        {
            let mut rollout = ServiceDeploymentRecord::clone(&rollout);
            rollout.configuration = record.deployment_configuration.clone();
            tx.put(rollout);
        }
    }
}

/// What holds from now on, without a deployment.
fn change_settings(
    record: &mut ServiceRecord,
    input: &UpdateServiceRequest,
) -> Result<(), Refusal> {
    services::check_same_controller(record, input.deployment_controller.as_ref())?;
    if record.scheduling_strategy == DAEMON {
        service::check_daemon(&AskedOfDaemon {
            desired_count: input.desired_count,
            launch_type: None,
            has_providers: input.capacity_provider_strategy.iter().flatten().count() > 0,
            has_placement_strategy: input.placement_strategy.iter().flatten().count() > 0,
            configuration: input.deployment_configuration.as_ref(),
        })?;
    }
    if let Some(count) = input.desired_count {
        record.desired_count = service::check_desired_count(count)?;
    }
    if let Some(asked) = &input.deployment_configuration {
        record.deployment_configuration = Stored(deployment_configuration(
            Some(&record.deployment_configuration),
            Some(asked.clone()),
        )?);
    }
    if let Some(seconds) = service::check_grace_period(input.health_check_grace_period_seconds)? {
        record.health_check_grace_period_seconds = Some(seconds);
    }
    if let Some(asked) = &input.propagate_tags {
        record.propagate_tags = service::propagate_tags(Some(asked))?.into();
    }
    if let Some(enable) = input.enable_ecs_managed_tags {
        record.enable_ecs_managed_tags = enable;
    }
    if let Some(enable) = input.enable_execute_command {
        record.enable_execute_command = enable;
    }
    Ok(())
}

fn check_execute_command(
    head: &Head,
    record: &ServiceRecord,
    spec: &TaskSpec,
) -> Result<(), Refusal> {
    match head.get::<TaskDefinitionRecord>(&spec.definition_key(record)) {
        Some(definition) => Ok(execute_command::check_service(
            record.enable_execute_command,
            &definition.definition,
            "updated",
        )?),
        None => Ok(()),
    }
}

/// The spec after the request. A request that says nothing of it is not checked again: what it was made of may be gone.
fn changed_spec(
    head: &Head,
    caller: &Caller,
    cluster: &ClusterRecord,
    record: &ServiceRecord,
    input: &UpdateServiceRequest,
) -> Result<TaskSpec, Refusal> {
    let current = &record.task_spec;
    let says_nothing = input.task_definition.is_none()
        && input.capacity_provider_strategy.is_none()
        && input.platform_version.is_none()
        && input.network_configuration.is_none()
        && input.placement_constraints.is_none()
        && input.placement_strategy.is_none();
    if says_nothing {
        return Ok(current.clone());
    }
    let definition = match &input.task_definition {
        Some(argument) => run_task::definition(head, caller, Some(argument))?,
        None => {
            let key = current.definition_key(record);
            head.get::<TaskDefinitionRecord>(&key)
                .ok_or_else(|| errors::client_exception("TaskDefinition not found."))?
        }
    };
    let plan = changed_plan(head, cluster, current, input)?;
    let current_platform = current.platform_version.as_deref();
    let stored = current.network_configuration.as_ref();
    let network = input.network_configuration.clone();
    let constraints = current.placement_constraints.iter();
    let strategy = current.placement_strategy.iter();
    let asked = Asked {
        cluster,
        definition: &definition,
        platform_version: input
            .platform_version
            .as_deref()
            .or(current_platform.filter(|_| plan.is_serverless())),
        plan,
        network_configuration: network.or_else(|| stored.map(|stored| stored.0.clone())),
        placement_constraints: input
            .placement_constraints
            .clone()
            .unwrap_or_else(|| constraints.map(|stored| stored.0.clone()).collect()),
        placement_strategy: input
            .placement_strategy
            .clone()
            .unwrap_or_else(|| strategy.map(|stored| stored.0.clone()).collect()),
    };
    services::task_spec(head, asked)
}

/// An empty strategy goes back to the launch type.
fn changed_plan(
    head: &Head,
    cluster: &ClusterRecord,
    current: &TaskSpec,
    input: &UpdateServiceRequest,
) -> Result<Plan, Refusal> {
    match input.capacity_provider_strategy.as_deref() {
        None => Ok(current.plan()),
        Some([]) if current.plan().is_serverless() => Ok(Plan::LaunchType("FARGATE".into())),
        Some([]) => Ok(Plan::LaunchType("EC2".into())),
        Some(items) => Ok(Plan::of_request(head, cluster, None, Some(items))?),
    }
}
