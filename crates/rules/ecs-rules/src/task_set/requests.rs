//! What requests may ask of a service with the EXTERNAL deployment controller, and of its task sets.

use api_ecs::types::{
    CreateServiceRequest, DeploymentConfiguration, DeploymentStrategy, Scale, ScaleUnit,
    SchedulingStrategy, UpdateServiceRequest,
};
use limits::EXTERNAL_ID_CHARACTERS;

use crate::Refusal;

/// The answer to every operation on task sets of a service that has none.
pub const NOT_EXTERNAL: &str = "Amazon ECS only supports task set management on services configured to use external deployment controllers.";

/// What belongs to task sets must not be said of the service.
pub fn check_creation_of_service(input: &CreateServiceRequest) -> Result<(), Refusal> {
    let is_text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let strategy = input.capacity_provider_strategy.iter().flatten();
    let launch_type = input.launch_type.as_ref();
    let said = [
        ("TaskDefinition", is_text(&input.task_definition)),
        (
            "LaunchType",
            launch_type.is_some_and(|kind| !kind.as_str().is_empty()),
        ),
        ("CapacityProviderStrategy", strategy.count() > 0),
        ("PlatformVersion", is_text(&input.platform_version)),
        (
            "NetworkConfiguration",
            input.network_configuration.is_some(),
        ),
    ];
    if let Some((field, _)) = said.iter().find(|(_, is_said)| *is_said) {
        return Err(Refusal::invalid_parameter(format!(
            "{field} must be blank."
        )));
    }
    let scheduling = input.scheduling_strategy.as_ref();
    if scheduling.map(SchedulingStrategy::as_str) == Some("DAEMON") {
        return Err(Refusal::invalid_parameter(
            "The EXTERNAL deployment controller does not support the DAEMON scheduling strategy.",
        ));
    }
    let rebalancing = input.availability_zone_rebalancing.as_ref();
    if rebalancing.is_some_and(|asked| asked.as_str() == "ENABLED") {
        return Err(Refusal::invalid_parameter(
            "Availability Zone rebalancing is not supported with the EXTERNAL deployment controller.",
        ));
    }
    check_deployment_configuration(input.deployment_configuration.as_ref())
}

/// UpdateService changes no task set: of what it may name, only this is the service's own.
pub fn check_update_of_service(input: &UpdateServiceRequest) -> Result<(), Refusal> {
    let rebalancing = input.availability_zone_rebalancing.as_ref();
    let asked = [
        ("task definition", input.task_definition.is_some()),
        (
            "capacity provider strategy",
            input.capacity_provider_strategy.is_some(),
        ),
        ("platform version", input.platform_version.is_some()),
        ("network parameters", input.network_configuration.is_some()),
        (
            "availability zone rebalancing",
            rebalancing.is_some_and(|asked| asked.as_str() == "ENABLED"),
        ),
    ];
    if let Some((field, _)) = asked.iter().find(|(_, is_asked)| *is_asked) {
        return Err(Refusal::invalid_parameter(format!(
            "Unable to update {field} on services with a EXTERNAL deployment controller. Create a new task set instead."
        )));
    }
    if input.force_new_deployment == Some(true) {
        return Err(Refusal::invalid_parameter(
            "Unable to force a new deployment on services with a EXTERNAL deployment controller. Create a new task set instead.",
        ));
    }
    check_deployment_configuration(input.deployment_configuration.as_ref())
}

/// Only the percentages mean something: there is no deployment that could fail.
pub fn check_deployment_configuration(
    asked: Option<&DeploymentConfiguration>,
) -> Result<(), Refusal> {
    let Some(asked) = asked else {
        return Ok(());
    };
    let breaker = asked.deployment_circuit_breaker.as_ref();
    let alarms = asked.alarms.as_ref();
    let strategy = asked.strategy.as_ref().map(DeploymentStrategy::as_str);
    let of_ecs = [
        (
            "deployment circuit breaker",
            breaker.is_some_and(|breaker| breaker.enable == Some(true)),
        ),
        (
            "deployment alarms",
            alarms.is_some_and(|alarms| alarms.enable == Some(true)),
        ),
        (
            "deployment strategy",
            !matches!(strategy, None | Some("" | "ROLLING")),
        ),
        (
            "lifecycle hooks",
            asked.lifecycle_hooks.iter().flatten().count() > 0,
        ),
        (
            "bake time",
            asked.bake_time_in_minutes.unwrap_or_default() > 0,
        ),
        (
            "early success criteria",
            asked
                .early_success_criteria
                .as_ref()
                .is_some_and(|criteria| criteria.enable == Some(true)),
        ),
    ];
    match of_ecs.iter().find(|(_, is_asked)| *is_asked) {
        None => Ok(()),
        Some((what, _)) => Err(Refusal::invalid_parameter(format!(
            "The {what} can only be used with the ECS deployment controller."
        ))),
    }
}

/// The percentage; of a request without one, nothing of what the service desires.
pub fn check_scale(scale: Option<&Scale>) -> Result<f64, Refusal> {
    let Some(scale) = scale else {
        return Ok(0.0);
    };
    match scale.unit.as_ref().map(ScaleUnit::as_str) {
        None | Some("" | "PERCENT") => {}
        Some(_) => {
            return Err(Refusal::invalid_parameter(
                "Invalid scale unit. Valid values are PERCENT.",
            ));
        }
    }
    let percent = scale.value.unwrap_or(0.0);
    if (0.0..=100.0).contains(&percent) {
        return Ok(percent);
    }
    Err(Refusal::invalid_parameter(
        "Scale value must be between 0 and 100.",
    ))
}

pub fn check_external_id(id: Option<&str>) -> Result<(), Refusal> {
    match id {
        Some(id) if id.chars().count() > EXTERNAL_ID_CHARACTERS => Err(Refusal::invalid_parameter(
            format!("externalId can be at most {EXTERNAL_ID_CHARACTERS} characters long."),
        )),
        _ => Ok(()),
    }
}
