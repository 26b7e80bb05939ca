//! What the operations on services share.

use std::sync::Arc;

use api_ecs::{
    errors,
    types::{
        AssignPublicIp, AvailabilityZoneRebalancing, DeploymentConfiguration, DeploymentController,
        NetworkConfiguration, PlacementConstraint, PlacementStrategy,
    },
};
use ecs_rules::service;
use kit::facts::Function;
use names::ServiceReference;
use state::Head;
use wire::{Access, Caller, Error, Stored};

use crate::{
    access,
    answer::Refusal,
    launch::{self, Plan},
    lookup,
    records::{AlarmStateRecord, ClusterRecord, ServiceRecord, TaskDefinitionRecord, TaskSpec},
};

/// An action on one service.
pub(super) fn access(
    action: &'static str,
    caller: &Caller,
    cluster: Option<&str>,
    service: Option<&str>,
) -> Access {
    access::in_cluster(action, caller, cluster, |scope, cluster| {
        service_arn(scope, cluster, service.unwrap_or_default())
    })
}

/// The ARN of the service that a request means by a name or an ARN.
pub(super) fn service_arn(scope: &names::Scope, cluster: &str, argument: &str) -> String {
    match ServiceReference::parse(argument) {
        Ok(reference) => scope.service(
            reference.cluster.as_deref().unwrap_or(cluster),
            &reference.name,
        ),
        Err(_) if argument.starts_with("arn:") => argument.to_owned(),
        Err(_) => scope.service(cluster, argument),
    }
}

/// The condition keys of a network configuration.
pub(super) fn with_network(access: Access, network: Option<&NetworkConfiguration>) -> Access {
    let Some(awsvpc) = network.and_then(|network| network.awsvpc_configuration.as_ref()) else {
        return access;
    };
    let mut access = access;
    for subnet in awsvpc.subnets.iter().flatten() {
        access = access.condition("ecs:subnet", subnet.clone());
    }
    let is_public = awsvpc.assign_public_ip == Some(AssignPublicIp::ENABLED);
    access.condition("ecs:auto-assign-public-ip", is_public.to_string())
}

/// The service that a name or an ARN means in this cluster, whatever its status.
pub(super) fn find(
    head: &Head,
    caller: &Caller,
    cluster: &str,
    argument: &str,
) -> Result<Option<Arc<ServiceRecord>>, Error> {
    lookup::check_scope(caller, argument)?;
    let Ok(reference) = ServiceReference::parse(argument) else {
        return Ok(None);
    };
    if reference
        .cluster
        .as_deref()
        .is_some_and(|named| named != cluster)
    {
        return Ok(None);
    }
    let key = ServiceRecord::key_of(&caller.account, &caller.region, cluster, &reference.name);
    Ok(head.get::<ServiceRecord>(&key))
}

/// As [`find`]; a service that is not there is an error.
pub(super) fn require(
    head: &Head,
    caller: &Caller,
    cluster: &str,
    argument: Option<&str>,
) -> Result<Arc<ServiceRecord>, Error> {
    let argument = argument.unwrap_or_default();
    if argument.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "Service can not be blank.",
        ));
    }
    find(head, caller, cluster, argument)?
        .ok_or_else(|| errors::service_not_found_exception("Service not found."))
}

/// As [`require`], in the cluster that a request names.
pub(super) fn named(
    head: &Head,
    caller: &Caller,
    cluster: Option<&str>,
    argument: Option<&str>,
) -> Result<Arc<ServiceRecord>, Error> {
    let cluster = lookup::cluster(head, caller, cluster)?;
    require(head, caller, &cluster.name, argument)
}

/// A service keeps the deployment controller that it was made with.
pub(super) fn check_same_controller(
    record: &ServiceRecord,
    asked: Option<&DeploymentController>,
) -> Result<(), ecs_rules::Refusal> {
    let is_asked = asked
        .and_then(|asked| asked.r#type.as_ref())
        .is_some_and(|kind| !kind.as_str().is_empty());
    let kind = service::deployment_controller(asked)?;
    if is_asked && kind != record.deployment_controller {
        return Err(ecs_rules::Refusal::unsupported_field(
            "a change of deploymentController",
            "a service keeps the one that it was made with",
        ));
    }
    Ok(())
}

/// What an update asks of the balance over zones, of the service as it is after the update.
pub(super) fn zone_rebalancing(
    record: &ServiceRecord,
    spec: &TaskSpec,
    asked: &AvailabilityZoneRebalancing,
) -> Result<&'static str, ecs_rules::Refusal> {
    match asked.as_str() {
        "" => Ok(match record.availability_zone_rebalancing.as_str() {
            "ENABLED" => "ENABLED",
            _ => "DISABLED",
        }),
        _ => record.with_movable(spec, |movable| {
            service::zone_rebalancing(Some(asked), movable)
        }),
    }
}

/// Alarms that a deployment shall watch must be known. Whoever owns alarms publishes them; without such a service there
/// are none.
pub(super) fn check_alarms(
    head: &Head,
    caller: &Caller,
    configuration: &DeploymentConfiguration,
) -> Result<(), Error> {
    let alarms = configuration.alarms.iter();
    let enabled = alarms.filter(|alarms| alarms.enable == Some(true));
    let names = enabled.flat_map(|alarms| alarms.alarm_names.iter().flatten());
    let is_unknown = |name: &&String| {
        let key = AlarmStateRecord::key_of(&caller.account, &caller.region, name);
        !head.contains::<AlarmStateRecord>(&key)
    };
    let unknown: Vec<&str> = names.filter(is_unknown).map(String::as_str).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(errors::invalid_parameter_exception(format!(
        "The following CloudWatch alarms do not exist: {}.",
        unknown.join(", ")
    )))
}

/// Functions that lifecycle hooks name must be there. Whoever runs functions publishes them; without such a service there
/// are none.
pub(super) fn check_functions(
    head: &Head,
    configuration: &DeploymentConfiguration,
) -> Result<(), Error> {
    let hooks = configuration.lifecycle_hooks.iter().flatten();
    let mut named = hooks.filter_map(|hook| hook.hook_target_arn.as_deref());
    match named.find(|arn| !head.contains::<Function>(arn)) {
        None => Ok(()),
        // coverage: CreateService refuses deploymentConfiguration.lifecycleHooks[].hookTargetArn: Gantry has no Lambda functions
        // coverage: UpdateService refuses deploymentConfiguration.lifecycleHooks[].hookTargetArn: Gantry has no Lambda functions
        Some(_) => Err(ecs_rules::Refusal::unsupported_field(
            "deploymentConfiguration.lifecycleHooks[].hookTargetArn",
            "Gantry has no Lambda functions",
        )
        .into()),
    }
}

/// What a service's tasks shall be made of, before it is checked.
pub(super) struct Asked<'a> {
    pub cluster: &'a ClusterRecord,
    pub definition: &'a TaskDefinitionRecord,
    pub plan: Plan,
    pub platform_version: Option<&'a str>,
    pub network_configuration: Option<NetworkConfiguration>,
    pub placement_constraints: Vec<PlacementConstraint>,
    pub placement_strategy: Vec<PlacementStrategy>,
}

/// Checks everything that tasks will need; the platform stays as asked for (LATEST).
pub(super) fn task_spec(head: &Head, asked: Asked<'_>) -> Result<TaskSpec, Refusal> {
    let (cluster, plan, definition) = (asked.cluster, asked.plan, asked.definition);
    plan.check_definition(&definition.definition)?;
    plan.platform_version(asked.platform_version)?;
    launch::check_network(
        head,
        &cluster.account,
        &cluster.region,
        &plan,
        &definition.definition,
        asked.network_configuration.as_ref(),
    )?;
    launch::placing(
        &plan,
        &definition.definition,
        &asked.placement_constraints,
        &asked.placement_strategy,
    )?;
    let platform = asked.platform_version.filter(|text| !text.is_empty());
    let platform_version = plan
        .is_serverless()
        .then(|| platform.unwrap_or("LATEST").to_owned());
    let (launch_type, capacity_provider_strategy) = match plan {
        Plan::LaunchType(launch_type) => (Some(launch_type), vec![]),
        Plan::Strategy(items) => (None, items),
    };
    Ok(TaskSpec {
        family: definition.family.clone(),
        revision: definition.revision,
        launch_type,
        capacity_provider_strategy,
        platform_version,
        network_configuration: asked.network_configuration.map(with_defaults).map(Stored),
        placement_constraints: asked
            .placement_constraints
            .into_iter()
            .map(Stored)
            .collect(),
        placement_strategy: asked.placement_strategy.into_iter().map(Stored).collect(),
        daemon: None,
    })
}

/// What is left out, as AWS answers it.
fn with_defaults(mut network: NetworkConfiguration) -> NetworkConfiguration {
    if let Some(awsvpc) = &mut network.awsvpc_configuration {
        awsvpc.security_groups.get_or_insert_default();
        awsvpc
            .assign_public_ip
            .get_or_insert(AssignPublicIp::DISABLED);
    }
    network
}
