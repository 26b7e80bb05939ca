//! What a service may be asked to be. Source: the models' documentation of CreateService and UpdateService.

use api_ecs::types::{
    AvailabilityZoneRebalancing, DeploymentController, DeploymentControllerType, PropagateTags,
    SchedulingStrategy,
};
use limits::TASKS_PER_SERVICE;

use crate::Refusal;

pub fn check_name(name: Option<&str>) -> Result<&str, Refusal> {
    match name {
        None | Some("") => Err(Refusal::invalid_parameter("Service name can not be blank.")),
        Some(name) if names::is_service_name(name) => Ok(name),
        Some(_) => Err(Refusal::invalid_parameter(
            "Service name contains invalid characters or is too long.",
        )),
    }
}

/// CreateService must say how many; UpdateService need not.
pub fn required_desired_count(asked: Option<i32>) -> Result<i32, Refusal> {
    let count = asked.ok_or_else(|| {
        Refusal::invalid_parameter(
            "desiredCount is required when the scheduling strategy is REPLICA.",
        )
    })?;
    check_desired_count(count)
}

pub fn check_desired_count(count: i32) -> Result<i32, Refusal> {
    if count < 0 {
        return Err(Refusal::invalid_parameter(
            "desiredCount cannot be negative.",
        ));
    }
    if count > TASKS_PER_SERVICE {
        return Err(Refusal::invalid_parameter(format!(
            "desiredCount cannot be more than {TASKS_PER_SERVICE}."
        )));
    }
    Ok(count)
}

pub fn check_scheduling_strategy(asked: Option<&SchedulingStrategy>) -> Result<(), Refusal> {
    match asked.map(SchedulingStrategy::as_str) {
        None | Some("" | "REPLICA") => Ok(()),
        Some("DAEMON") => Err(Refusal::unsupported_field(
            "schedulingStrategy DAEMON",
            "services are scheduled as REPLICA only",
        )),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid schedulingStrategy. Valid values are REPLICA and DAEMON.",
        )),
    }
}

pub fn check_deployment_controller(asked: Option<&DeploymentController>) -> Result<(), Refusal> {
    let kind = asked.and_then(|controller| controller.r#type.as_ref());
    match kind.map(DeploymentControllerType::as_str) {
        None | Some("" | "ECS") => Ok(()),
        Some(other @ ("CODE_DEPLOY" | "EXTERNAL")) => Err(Refusal::unsupported_field(
            &format!("deploymentController.type {other}"),
            "deployments are ECS's own",
        )),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid deploymentController type. Valid values are ECS, CODE_DEPLOY and EXTERNAL.",
        )),
    }
}

/// AWS turns rebalancing on where nothing is said; here nothing said means DISABLED, which is what happens.
pub fn zone_rebalancing(
    asked: Option<&AvailabilityZoneRebalancing>,
) -> Result<&'static str, Refusal> {
    match asked.map(AvailabilityZoneRebalancing::as_str) {
        None | Some("" | "DISABLED") => Ok("DISABLED"),
        Some("ENABLED") => Err(Refusal::unsupported_field(
            "availabilityZoneRebalancing ENABLED",
            "running tasks are not moved between zones",
        )),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid availabilityZoneRebalancing. Valid values are ENABLED and DISABLED.",
        )),
    }
}

pub fn propagate_tags(asked: Option<&PropagateTags>) -> Result<&'static str, Refusal> {
    match asked.map(PropagateTags::as_str) {
        None | Some("" | "NONE") => Ok("NONE"),
        Some("SERVICE") => Ok("SERVICE"),
        Some("TASK_DEFINITION") => Ok("TASK_DEFINITION"),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid propagateTags value. Valid values are TASK_DEFINITION, SERVICE and NONE.",
        )),
    }
}

pub fn check_grace_period(seconds: Option<i32>) -> Result<Option<i32>, Refusal> {
    match seconds {
        Some(seconds) if seconds < 0 => Err(Refusal::invalid_parameter(
            "healthCheckGracePeriodSeconds cannot be negative.",
        )),
        seconds => Ok(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        let refused = [
            check_scheduling_strategy(Some(&SchedulingStrategy::DAEMON)).unwrap_err(),
            zone_rebalancing(Some(&AvailabilityZoneRebalancing::ENABLED)).unwrap_err(),
            check_deployment_controller(Some(&DeploymentController {
                r#type: Some(DeploymentControllerType::EXTERNAL),
            }))
            .unwrap_err(),
        ];
        for refusal in refused {
            assert!(matches!(refusal, Refusal::Unsupported(_)), "{refusal}");
        }
    }

    #[test]
    fn names_and_counts() {
        assert_eq!(check_name(Some("web-1_a")), Ok("web-1_a"));
        for name in [None, Some(""), Some("no spaces"), Some("a/b")] {
            assert!(matches!(
                check_name(name),
                Err(Refusal::InvalidParameter(_))
            ));
        }
        assert_eq!(required_desired_count(Some(0)), Ok(0));
        for count in [None, Some(-1), Some(TASKS_PER_SERVICE + 1)] {
            assert!(required_desired_count(count).is_err());
        }
    }
}
