//! What a service may be asked to be. Source: the models' documentation of CreateService and UpdateService.

use api_ecs::types::{
    AvailabilityZoneRebalancing, CreateServiceRequest, DeploymentConfiguration,
    DeploymentController, DeploymentControllerType, LaunchType, PlacementConstraint,
    PlacementStrategy, PlacementStrategyType, PropagateTags, SchedulingStrategy,
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

/// What a request says that a DAEMON service may not take.
#[derive(Debug, Default)]
pub struct AskedOfDaemon<'a> {
    pub desired_count: Option<i32>,
    pub launch_type: Option<&'a LaunchType>,
    pub has_providers: bool,
    pub has_placement_strategy: bool,
    pub configuration: Option<&'a DeploymentConfiguration>,
}

/// Whether the request is for a DAEMON service, and asks for nothing that such a one does not take.
pub fn is_daemon(input: &CreateServiceRequest) -> Result<bool, Refusal> {
    let strategy = input.scheduling_strategy.as_ref();
    match strategy.map(SchedulingStrategy::as_str) {
        None | Some("" | "REPLICA") => return Ok(false),
        Some("DAEMON") => {}
        Some(_) => {
            return Err(Refusal::invalid_parameter(
                "Invalid schedulingStrategy. Valid values are REPLICA and DAEMON.",
            ));
        }
    }
    check_daemon(&AskedOfDaemon {
        desired_count: input.desired_count,
        launch_type: input.launch_type.as_ref(),
        has_providers: input.capacity_provider_strategy.iter().flatten().count() > 0,
        has_placement_strategy: input.placement_strategy.iter().flatten().count() > 0,
        configuration: input.deployment_configuration.as_ref(),
    })?;
    Ok(true)
}

/// Refuses what a DAEMON service does not take. One task on each node leaves nothing to count, to spread or to start
/// beside another.
pub fn check_daemon(asked: &AskedOfDaemon<'_>) -> Result<(), Refusal> {
    let refuse = |message: &str| Err(Refusal::invalid_parameter(message));
    if asked.desired_count.is_some() {
        return refuse(
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again",
        );
    }
    match asked.launch_type.map(LaunchType::as_str) {
        None | Some("" | "EC2") => {}
        Some("FARGATE") => {
            return refuse(
                "The FARGATE launch type does not support the DAEMON scheduling strategy.",
            );
        }
        Some(_) => {
            return Err(Refusal::unsupported_field(
                "launchType",
                "daemons run on EC2 container instances",
            ));
        }
    }
    if asked.has_providers {
        return refuse(
            "The daemon scheduling strategy does not support a capacity provider strategy. Remove the capacity provider strategy and try again",
        );
    }
    if asked.has_placement_strategy {
        return refuse(
            "The daemon scheduling strategy does not support placement strategies. Remove the placement strategies and try again",
        );
    }
    let configuration = asked.configuration;
    let strategy = configuration.and_then(|configuration| configuration.strategy.as_ref());
    if strategy.is_some_and(|strategy| !matches!(strategy.as_str(), "" | "ROLLING")) {
        return refuse(
            "The daemon scheduling strategy supports the ROLLING deployment strategy only.",
        );
    }
    let maximum = configuration.and_then(|configuration| configuration.maximum_percent);
    match maximum {
        None | Some(100) => Ok(()),
        Some(..100) => refuse(
            "The daemon scheduling strategy does not support values below 100 for maximumPercent on a deployment configuration. Change the maximumPercent value to 100, and try again",
        ),
        Some(_) => refuse(
            "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment configuration. Change the maximumPercent value to 100, and try again",
        ),
    }
}

/// A daemon's percentages, where none are named: none must stay healthy, and on a node there is never a second one.
pub fn with_daemon_defaults(
    is_daemon: bool,
    asked: Option<DeploymentConfiguration>,
) -> Option<DeploymentConfiguration> {
    if !is_daemon {
        return asked;
    }
    let mut configuration = asked.unwrap_or_default();
    configuration.minimum_healthy_percent.get_or_insert(0);
    configuration.maximum_percent.get_or_insert(100);
    Some(configuration)
}

/// Who carries the deployments of a service out: `ECS`, or `EXTERNAL`, somebody who makes its task sets.
pub fn deployment_controller(
    asked: Option<&DeploymentController>,
) -> Result<&'static str, Refusal> {
    let kind = asked.and_then(|controller| controller.r#type.as_ref());
    match kind.map(DeploymentControllerType::as_str) {
        None | Some("" | "ECS") => Ok("ECS"),
        Some("EXTERNAL") => Ok("EXTERNAL"),
        Some("CODE_DEPLOY") => Err(Refusal::unsupported_field(
            "deploymentController.type CODE_DEPLOY",
            "Gantry has no CodeDeploy",
        )),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid deploymentController type. Valid values are ECS, CODE_DEPLOY and EXTERNAL.",
        )),
    }
}

/// What decides whether tasks can be moved between zones.
#[derive(Debug)]
pub struct Movable<'a> {
    pub is_daemon: bool,
    pub is_external: bool,
    pub maximum_percent: i32,
    pub placement_strategy: &'a [PlacementStrategy],
    pub placement_constraints: &'a [PlacementConstraint],
}

/// AWS turns rebalancing on where a new service says nothing of it and can have it
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html>).
pub fn zone_rebalancing(
    asked: Option<&AvailabilityZoneRebalancing>,
    movable: &Movable<'_>,
) -> Result<&'static str, Refusal> {
    match asked.map(AvailabilityZoneRebalancing::as_str) {
        None | Some("") => Ok(match check_movable(movable) {
            Ok(()) => "ENABLED",
            Err(_) => "DISABLED",
        }),
        Some("DISABLED") => Ok("DISABLED"),
        Some("ENABLED") => check_movable(movable).map(|()| "ENABLED"),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid availabilityZoneRebalancing. Valid values are ENABLED and DISABLED.",
        )),
    }
}

/// Whether tasks can be moved between zones: a new one must be allowed beside the old ones, and be placed by zone.
pub fn check_movable(service: &Movable<'_>) -> Result<(), Refusal> {
    const ZONE: &str = "attribute:ecs.availability-zone";
    let refuse = |why: &str| {
        Err(Refusal::invalid_parameter(format!(
            "Availability Zone rebalancing is not supported {why}."
        )))
    };
    if service.is_daemon {
        return refuse("with the DAEMON scheduling strategy");
    }
    if service.is_external {
        return refuse("with the EXTERNAL deployment controller");
    }
    if service.maximum_percent <= 100 {
        return refuse("when maximumPercent is 100");
    }
    if let Some(first) = service.placement_strategy.first() {
        let kind = first.r#type.as_ref().map(PlacementStrategyType::as_str);
        if kind != Some("spread") || first.field.as_deref() != Some(ZONE) {
            return refuse(
                "unless the first placement strategy is spread over attribute:ecs.availability-zone",
            );
        }
    }
    let mut expressions = service
        .placement_constraints
        .iter()
        .filter_map(|constraint| constraint.expression.as_deref());
    if expressions.any(|text| text.contains("ecs.availability-zone")) {
        return refuse("with a placement constraint on attribute:ecs.availability-zone");
    }
    Ok(())
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
        let refused = [deployment_controller(Some(&DeploymentController {
            r#type: Some(DeploymentControllerType::CODE_DEPLOY),
        }))
        .unwrap_err()];
        for refusal in refused {
            assert!(matches!(refusal, Refusal::Unsupported(_)), "{refusal}");
        }
    }

    #[test]
    fn what_a_daemon_does_not_take() {
        let percent = |maximum: i32| DeploymentConfiguration {
            maximum_percent: Some(maximum),
            ..DeploymentConfiguration::default()
        };
        let taken = |asked: AskedOfDaemon<'_>| check_daemon(&asked).is_ok();
        let nothing = AskedOfDaemon::default;
        assert!(taken(nothing()));
        for (maximum, is_taken) in [(99, false), (100, true), (200, false)] {
            let configuration = percent(maximum);
            let configuration = Some(&configuration);
            assert_eq!(
                taken(AskedOfDaemon {
                    configuration,
                    ..nothing()
                }),
                is_taken
            );
        }
        for (launch_type, is_taken) in [
            (LaunchType::EC2, true),
            (LaunchType::FARGATE, false),
            (LaunchType::EXTERNAL, false),
        ] {
            let launch_type = Some(&launch_type);
            assert_eq!(
                taken(AskedOfDaemon {
                    launch_type,
                    ..nothing()
                }),
                is_taken
            );
        }
        for asked in [
            AskedOfDaemon {
                desired_count: Some(1),
                ..nothing()
            },
            AskedOfDaemon {
                has_providers: true,
                ..nothing()
            },
            AskedOfDaemon {
                has_placement_strategy: true,
                ..nothing()
            },
        ] {
            assert!(
                matches!(check_daemon(&asked), Err(Refusal::InvalidParameter(_))),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn zones_are_balanced_where_a_task_can_be_moved() {
        let by = |kind: &str, field: &str| PlacementStrategy {
            r#type: Some(kind.into()),
            field: Some(field.into()),
        };
        let zones = [by("spread", "attribute:ecs.availability-zone")];
        let packed = [by("binpack", "cpu")];
        let whole = |maximum_percent, strategy| Movable {
            is_daemon: false,
            is_external: false,
            maximum_percent,
            placement_strategy: strategy,
            placement_constraints: &[],
        };
        let enabled = Some(&AvailabilityZoneRebalancing::ENABLED);
        let disabled = Some(&AvailabilityZoneRebalancing::DISABLED);
        for fit in [whole(200, &[]), whole(101, &zones)] {
            assert_eq!(zone_rebalancing(None, &fit), Ok("ENABLED"));
            assert_eq!(zone_rebalancing(enabled, &fit), Ok("ENABLED"));
            assert_eq!(zone_rebalancing(disabled, &fit), Ok("DISABLED"));
        }
        let daemon = Movable {
            is_daemon: true,
            ..whole(200, &[])
        };
        for unfit in [whole(100, &[]), whole(200, &packed), daemon] {
            assert_eq!(zone_rebalancing(None, &unfit), Ok("DISABLED"));
            assert!(zone_rebalancing(enabled, &unfit).is_err(), "{unfit:?}");
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
