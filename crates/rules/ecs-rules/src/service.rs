//! What a service may be asked to be. Sources: the models' documentation of CreateService and UpdateService, and
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html>.

use api_ecs::types::{
    AvailabilityZoneRebalancing, DeploymentCircuitBreaker, DeploymentConfiguration,
    DeploymentController, DeploymentControllerType, DeploymentStrategy, PropagateTags,
    SchedulingStrategy,
};
use limits::{DEPLOYMENT_PERCENT, TASKS_PER_SERVICE};

use crate::Refusal;

/// The percentages of a service that names none.
pub const MINIMUM_HEALTHY_PERCENT: i32 = 100;
pub const MAXIMUM_PERCENT: i32 = 200;

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

/// The configuration after a request: what it does not name keeps its value, or gets AWS's default.
pub fn deployment_configuration(
    current: Option<&DeploymentConfiguration>,
    asked: Option<DeploymentConfiguration>,
) -> Result<DeploymentConfiguration, Refusal> {
    let mut result = current.cloned().unwrap_or_else(default_configuration);
    let Some(asked) = asked else {
        return Ok(result);
    };
    check_strategy(asked.strategy.as_ref())?;
    if let Some(percent) = asked.minimum_healthy_percent {
        if !(0..=100).contains(&percent) {
            return Err(Refusal::invalid_parameter(
                "minimumHealthyPercent must be between 0 and 100.",
            ));
        }
        result.minimum_healthy_percent = Some(percent);
    }
    if let Some(percent) = asked.maximum_percent {
        if !(100..=DEPLOYMENT_PERCENT).contains(&percent) {
            return Err(Refusal::invalid_parameter(format!(
                "maximumPercent must be between 100 and {DEPLOYMENT_PERCENT}."
            )));
        }
        result.maximum_percent = Some(percent);
    }
    if let Some(breaker) = asked.deployment_circuit_breaker {
        result.deployment_circuit_breaker = Some(DeploymentCircuitBreaker {
            enable: breaker.enable.or(Some(false)),
            rollback: breaker.rollback.or(Some(false)),
            ..breaker
        });
    }
    if asked.alarms.is_some() {
        result.alarms = asked.alarms;
    }
    if result.minimum_healthy_percent == Some(100) && result.maximum_percent == Some(100) {
        return Err(Refusal::invalid_parameter(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    Ok(result)
}

fn default_configuration() -> DeploymentConfiguration {
    DeploymentConfiguration {
        minimum_healthy_percent: Some(MINIMUM_HEALTHY_PERCENT),
        maximum_percent: Some(MAXIMUM_PERCENT),
        deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
            enable: Some(false),
            rollback: Some(false),
            ..DeploymentCircuitBreaker::default()
        }),
        strategy: Some(DeploymentStrategy::ROLLING),
        bake_time_in_minutes: Some(0),
        ..DeploymentConfiguration::default()
    }
}

fn check_strategy(asked: Option<&DeploymentStrategy>) -> Result<(), Refusal> {
    match asked.map(DeploymentStrategy::as_str) {
        None | Some("" | "ROLLING") => Ok(()),
        Some(other @ ("BLUE_GREEN" | "LINEAR" | "CANARY")) => Err(Refusal::unsupported_field(
            &format!("deploymentConfiguration.strategy {other}"),
            "deployments are ROLLING only",
        )),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid deployment strategy. Valid values are ROLLING, BLUE_GREEN, LINEAR and CANARY.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn percents(minimum: Option<i32>, maximum: Option<i32>) -> DeploymentConfiguration {
        DeploymentConfiguration {
            minimum_healthy_percent: minimum,
            maximum_percent: maximum,
            ..DeploymentConfiguration::default()
        }
    }

    fn configured(
        minimum: Option<i32>,
        maximum: Option<i32>,
    ) -> Result<(Option<i32>, Option<i32>), Refusal> {
        deployment_configuration(None, Some(percents(minimum, maximum)))
            .map(|result| (result.minimum_healthy_percent, result.maximum_percent))
    }

    #[test]
    fn percentages_have_defaults_and_bounds() {
        assert_eq!(configured(None, None), Ok((Some(100), Some(200))));
        assert_eq!(configured(Some(0), Some(100)), Ok((Some(0), Some(100))));
        assert_eq!(
            configured(None, Some(100)),
            Err(Refusal::invalid_parameter(
                "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
            ))
        );
        for (minimum, maximum) in [(-1, 200), (101, 200), (50, 99)] {
            assert!(configured(Some(minimum), Some(maximum)).is_err());
        }
    }

    #[test]
    fn an_update_keeps_what_it_does_not_name() {
        let first = deployment_configuration(None, Some(percents(Some(50), Some(150)))).unwrap();
        let second =
            deployment_configuration(Some(&first), Some(percents(Some(25), None))).unwrap();
        assert_eq!(second.minimum_healthy_percent, Some(25));
        assert_eq!(second.maximum_percent, Some(150));
        assert_eq!(second.strategy, Some(DeploymentStrategy::ROLLING));
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        let refused = [
            check_scheduling_strategy(Some(&SchedulingStrategy::DAEMON)).unwrap_err(),
            check_strategy(Some(&DeploymentStrategy::CANARY)).unwrap_err(),
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

    proptest! {
        #[test]
        fn what_is_accepted_lets_deployments_go_on(
            minimum in proptest::option::of(-10..120_i32),
            maximum in proptest::option::of(50..300_i32),
        ) {
            if let Ok((minimum, maximum)) = configured(minimum, maximum) {
                let (minimum, maximum) = (minimum.unwrap(), maximum.unwrap());
                prop_assert!((0..=100).contains(&minimum) && maximum >= 100);
                let (lower, upper) = crate::deployment::bounds(1_000, minimum, maximum);
                prop_assert!(lower < upper, "{minimum}/{maximum} blocks every deployment");
            }
        }
    }
}
