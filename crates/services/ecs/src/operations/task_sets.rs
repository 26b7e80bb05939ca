//! What the operations on task sets share, and what a service is whose deployments are made of them.

use std::sync::Arc;

use api_ecs::{
    errors,
    types::{
        CreateServiceRequest, DeploymentConfiguration, PlacementConstraint, PlacementStrategy,
        TaskDefinition, TaskSet, UpdateServiceRequest,
    },
};
use clock::UnixMillis;
use ecs_rules::{deployment_configuration::deployment_configuration, service, task_set};
use names::TaskSetReference;
use state::{Head, Tx};
use wire::{Access, Caller, Error, Stored};

use super::services;
use crate::{
    Ecs, access,
    answer::Refusal,
    launch::{self, Plan},
    lookup,
    records::{ServiceRecord, ServiceStatus, TaskSetRecord, TaskSetStatus, TaskSpec},
    render,
};

/// An action on a task set of a service.
pub(super) fn access(
    action: &'static str,
    caller: &Caller,
    cluster: Option<&str>,
    service: Option<&str>,
    sets: &[&str],
) -> Access {
    let scope = access::scope_of(caller);
    let cluster = access::cluster_of(cluster);
    let service = service.unwrap_or_default();
    let name = names::ServiceReference::parse(service).map(|reference| reference.name);
    let name = name.unwrap_or_else(|_| service.to_owned());
    let arn = |text: &str| match TaskSetReference::parse(text) {
        Ok(reference) => {
            let (cluster, name) = reference
                .service
                .unwrap_or_else(|| (cluster.clone(), name.clone()));
            scope.task_set(&cluster, &name, &reference.id)
        }
        Err(_) if text.starts_with("arn:") => text.to_owned(),
        Err(_) => scope.task_set(&cluster, &name, text),
    };
    Access::action(action)
        .resources(sets.iter().map(|set| arn(set)))
        .condition("ecs:cluster", scope.cluster(&cluster))
        .condition(
            "ecs:service",
            services::service_arn(&scope, &cluster, service),
        )
}

/// The ACTIVE service of this name, which must be one that has task sets.
pub(super) fn service(
    head: &Head,
    caller: &Caller,
    cluster: Option<&str>,
    argument: Option<&str>,
) -> Result<Arc<ServiceRecord>, Error> {
    let record = services::named(head, caller, cluster, argument)?;
    if record.status != ServiceStatus::Active {
        return Err(errors::service_not_active_exception(
            "Service was not ACTIVE.",
        ));
    }
    if !record.is_external() {
        return Err(errors::invalid_parameter_exception(task_set::NOT_EXTERNAL));
    }
    Ok(record)
}

/// The set of this service that an id or an ARN means.
pub(super) fn find<'a>(
    caller: &Caller,
    service: &'a ServiceRecord,
    argument: &str,
) -> Result<Option<&'a TaskSetRecord>, Error> {
    lookup::check_scope(caller, argument)?;
    let Ok(reference) = TaskSetReference::parse(argument) else {
        return Ok(None);
    };
    let is_here = reference
        .service
        .is_none_or(|(cluster, name)| cluster == service.cluster && name == service.name);
    Ok(service.task_set(&reference.id).filter(|_| is_here))
}

/// As [`find`]; one that is not there is an error.
pub(super) fn require<'a>(
    caller: &Caller,
    service: &'a ServiceRecord,
    argument: Option<&str>,
) -> Result<&'a TaskSetRecord, Error> {
    let argument = argument.unwrap_or_default();
    if argument.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "TaskSet can not be blank.",
        ));
    }
    find(caller, service, argument)?
        .ok_or_else(|| errors::task_set_not_found_exception("TaskSet not found."))
}

impl Ecs {
    /// Changes a service by what is to become of one of its sets, and gives the set as it is then. `change` gets the id of the
    /// set; before it, `check` may refuse, or say that there is nothing to do.
    pub(super) async fn change_task_set(
        &self,
        caller: &Caller,
        (cluster, service, set): (Option<&str>, Option<&str>, Option<&str>),
        check: impl Fn(&TaskSetRecord) -> Result<ChangeOf, Error>,
        change: impl Fn(&mut ServiceRecord, &str, UnixMillis),
    ) -> Result<TaskSet, Error> {
        self.transact(|tx| {
            let now = self.clock.now();
            let known = self::service(tx, caller, cluster, service)?;
            let set = require(caller, &known, set)?;
            if check(set)? == ChangeOf::Nothing {
                return Ok(render::task_set::task_set(tx, &known, set, false));
            }
            let id = set.id().to_owned();
            let mut record = ServiceRecord::clone(&known);
            change(&mut record, &id, now);
            let (service, set) = put(tx, record, &id, now).expect("the set was found just now");
            Ok::<_, Refusal>(render::task_set::task_set(tx, &service, &set, false))
        })
        .await
    }
}

/// Whether a request changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeOf {
    TheSet,
    Nothing,
}

/// As a check of [`Ecs::change_task_set`]: a set that drains cannot be what the request wants.
pub(super) fn refuse_draining(set: &TaskSetRecord, cannot: &str) -> Result<ChangeOf, Error> {
    if set.status == TaskSetStatus::Draining {
        return Err(errors::invalid_parameter_exception(format!(
            "The TaskSet is DRAINING and cannot be {cannot}."
        )));
    }
    Ok(ChangeOf::TheSet)
}

/// Writes the service after one of its sets was changed, and gives the set as it is now.
pub(super) fn put(
    tx: &mut Tx<'_>,
    mut service: ServiceRecord,
    id: &str,
    now: UnixMillis,
) -> Option<(ServiceRecord, TaskSetRecord)> {
    service.follow_primary_task_set();
    service.updated_at = now;
    service.version += 1;
    let set = service.task_set(id)?.clone();
    tx.put(service.clone());
    Some((service, set))
}

/// The placement of a service that has no task set yet.
pub(super) fn placement_only(input: &CreateServiceRequest) -> Result<TaskSpec, Refusal> {
    let constraints = input.placement_constraints.clone().unwrap_or_default();
    let strategy = input.placement_strategy.clone().unwrap_or_default();
    check_placement(&constraints, &strategy)?;
    Ok(TaskSpec {
        family: String::new(),
        revision: 0,
        launch_type: None,
        capacity_provider_strategy: vec![],
        platform_version: None,
        network_configuration: None,
        placement_constraints: constraints.into_iter().map(Stored).collect(),
        placement_strategy: strategy.into_iter().map(Stored).collect(),
        daemon: None,
    })
}

/// As container instances take it; what a set on Fargate does not take is told when it is made.
fn check_placement(
    constraints: &[PlacementConstraint],
    strategy: &[PlacementStrategy],
) -> Result<(), Refusal> {
    let plan = Plan::LaunchType("EC2".into());
    launch::placing(&plan, &TaskDefinition::default(), constraints, strategy)?;
    Ok(())
}

/// What is left of a deployment configuration where there is no deployment.
pub(super) fn percentages_only(whole: DeploymentConfiguration) -> DeploymentConfiguration {
    DeploymentConfiguration {
        minimum_healthy_percent: whole.minimum_healthy_percent,
        maximum_percent: whole.maximum_percent,
        ..DeploymentConfiguration::default()
    }
}

/// UpdateService: how many tasks there are, and how new ones are placed.
pub(super) fn update_service(
    record: &mut ServiceRecord,
    input: &UpdateServiceRequest,
    now: UnixMillis,
) -> Result<(), Refusal> {
    services::check_same_controller(record, input.deployment_controller.as_ref())?;
    task_set::check_update_of_service(input)?;
    if let Some(count) = input.desired_count {
        record.desired_count = service::check_desired_count(count)?;
    }
    if let Some(asked) = &input.deployment_configuration {
        let whole =
            deployment_configuration(Some(&record.deployment_configuration), Some(asked.clone()))?;
        record.deployment_configuration = Stored(percentages_only(whole));
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
    update_placement(record, input)?;
    let desired_count = record.desired_count;
    for set in &mut record.task_sets {
        set.rescale(desired_count, now);
        set.deployment.forget_failures(now);
    }
    record.follow_primary_task_set();
    record.updated_at = now;
    record.version += 1;
    Ok(())
}

fn update_placement(
    record: &mut ServiceRecord,
    input: &UpdateServiceRequest,
) -> Result<(), Refusal> {
    let stored = &record.task_spec;
    let constraints = match &input.placement_constraints {
        Some(asked) => asked.clone(),
        None => stored
            .placement_constraints
            .iter()
            .map(|own| own.0.clone())
            .collect(),
    };
    let strategy = match &input.placement_strategy {
        Some(asked) => asked.clone(),
        None => stored
            .placement_strategy
            .iter()
            .map(|own| own.0.clone())
            .collect(),
    };
    check_placement(&constraints, &strategy)?;
    let asks = !constraints.is_empty() || !strategy.is_empty();
    let mut sets = record.task_sets.iter();
    if asks && sets.any(|set| set.deployment.task_spec.plan().is_serverless()) {
        return Err(errors::invalid_parameter_exception(
            "Placement constraints and strategies are not supported with FARGATE launch type.",
        )
        .into());
    }
    let constraints: Vec<_> = constraints.into_iter().map(Stored).collect();
    let strategy: Vec<_> = strategy.into_iter().map(Stored).collect();
    let of_sets = record
        .task_sets
        .iter_mut()
        .map(|set| &mut set.deployment.task_spec);
    for spec in of_sets.chain([&mut record.task_spec]) {
        spec.placement_constraints.clone_from(&constraints);
        spec.placement_strategy.clone_from(&strategy);
    }
    Ok(())
}
