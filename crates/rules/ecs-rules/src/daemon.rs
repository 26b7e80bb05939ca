//! What a daemon may be asked to be, and what that means to the scheduler of services. Sources: the models'
//! documentation of CreateDaemon and UpdateDaemon, and
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-daemons-deployments.html>.

use api_ecs::types::{
    Compatibility, ContainerDefinition, DaemonAlarmConfiguration, DaemonContainerDefinition,
    DaemonDeploymentConfiguration, DaemonIpcMode, DaemonPidMode, DaemonPropagateTags,
    DaemonTaskDefinition, DaemonVolume, DeploymentAlarms, DeploymentCircuitBreaker,
    DeploymentConfiguration, IpcMode, NetworkMode, PidMode, RegisterDaemonTaskDefinitionRequest,
    RegisterTaskDefinitionRequest, TaskDefinition, Volume,
};

use crate::{Refusal, deployment_configuration::deployment_configuration, task_definition};

/// How many of its nodes, in percent, are without the daemon at once while it is updated, where nothing is said.
pub const DRAIN_PERCENT: f64 = 25.0;

pub fn check_name(name: Option<&str>) -> Result<&str, Refusal> {
    match name {
        None | Some("") => Err(Refusal::invalid_parameter("Daemon name can not be blank.")),
        Some(name) if names::is_service_name(name) => Ok(name),
        Some(_) => Err(Refusal::invalid_parameter(
            "Daemon name contains invalid characters or is too long.",
        )),
    }
}

pub fn propagates_tags(asked: Option<&DaemonPropagateTags>) -> Result<bool, Refusal> {
    match asked.map(DaemonPropagateTags::as_str) {
        None | Some("" | "NONE") => Ok(false),
        Some("DAEMON") => Ok(true),
        Some(_) => Err(Refusal::invalid_parameter(
            "Invalid propagateTags value. Valid values are DAEMON and NONE.",
        )),
    }
}

/// The configuration after a request: what it does not name keeps its value, or gets AWS's default.
pub fn configuration(
    current: Option<&DaemonDeploymentConfiguration>,
    asked: Option<DaemonDeploymentConfiguration>,
) -> Result<DaemonDeploymentConfiguration, Refusal> {
    let mut result = current
        .cloned()
        .unwrap_or_else(|| DaemonDeploymentConfiguration {
            drain_percent: Some(DRAIN_PERCENT),
            bake_time_in_minutes: Some(0),
            alarms: Some(DaemonAlarmConfiguration {
                alarm_names: Some(vec![]),
                enable: Some(false),
            }),
        });
    let asked = asked.unwrap_or_default();
    if let Some(percent) = asked.drain_percent {
        if !(0.0..=100.0).contains(&percent) {
            return Err(Refusal::invalid_parameter(
                "drainPercent must be between 0.0 and 100.0.",
            ));
        }
        result.drain_percent = Some(percent);
    }
    result.bake_time_in_minutes = asked.bake_time_in_minutes.or(result.bake_time_in_minutes);
    result.alarms = asked.alarms.or(result.alarms);
    as_of_service(&result)?;
    Ok(result)
}

/// The same as the configuration of a service: the circuit breaker is always on, and a failure goes back.
pub fn as_of_service(
    daemon: &DaemonDeploymentConfiguration,
) -> Result<DeploymentConfiguration, Refusal> {
    let alarms = daemon.alarms.clone().unwrap_or_default();
    let asked = DeploymentConfiguration {
        // Of 100 there is nothing to replace: one at a time goes always, see `least_healthy_percent`.
        minimum_healthy_percent: Some(kept_percent(daemon).min(99)),
        maximum_percent: Some(100),
        bake_time_in_minutes: daemon.bake_time_in_minutes,
        deployment_circuit_breaker: Some(DeploymentCircuitBreaker {
            enable: Some(true),
            rollback: Some(true),
            ..DeploymentCircuitBreaker::default()
        }),
        alarms: Some(DeploymentAlarms {
            alarm_names: Some(alarms.alarm_names.unwrap_or_default()),
            enable: Some(alarms.enable == Some(true)),
            rollback: Some(alarms.enable == Some(true)),
        }),
        ..DeploymentConfiguration::default()
    };
    deployment_configuration(None, Some(asked))
}

/// The percentage of nodes that must have a healthy daemon during a deployment: all but `drainPercent`, and all but one
/// where that would be none.
pub fn least_healthy_percent(daemon: &DaemonDeploymentConfiguration, nodes: i32) -> i32 {
    let all_but_one = match nodes {
        ..=1 => 0,
        nodes => 100 * (i64::from(nodes) - 1) / i64::from(nodes),
    };
    let all_but_one = i32::try_from(all_but_one).unwrap_or(99);
    kept_percent(daemon).min(all_but_one)
}

fn kept_percent(daemon: &DaemonDeploymentConfiguration) -> i32 {
    let drained = daemon.drain_percent.unwrap_or(DRAIN_PERCENT);
    #[allow(clippy::cast_possible_truncation, reason = "between 0 and 100")]
    let kept = (100.0 - drained.clamp(0.0, 100.0)).ceil() as i32;
    kept
}

/// The task definition that the daemon's tasks are made of: in the host's network, on container instances.
pub fn definition(request: RegisterDaemonTaskDefinitionRequest) -> Result<TaskDefinition, Refusal> {
    let pid_mode = match request.pid_mode.as_ref().map(DaemonPidMode::as_str) {
        None | Some("" | "none") => None,
        Some("shared") => Some(PidMode::HOST),
        Some(_) => {
            return Err(Refusal::invalid_parameter(
                "Invalid pidMode. Valid values are none and shared.",
            ));
        }
    };
    let ipc_mode = match request.ipc_mode.as_ref().map(DaemonIpcMode::as_str) {
        None | Some("" | "none") => None,
        Some("shared") => Some(IpcMode::HOST),
        Some(_) => {
            return Err(Refusal::invalid_parameter(
                "Invalid ipcMode. Valid values are none and shared.",
            ));
        }
    };
    // coverage: RegisterDaemonTaskDefinition refuses volumes[].logDriverVolumeConfiguration: logs go to Gantry's CloudWatch Logs
    // coverage: RegisterDaemonTaskDefinition refuses containerDefinitions[].environmentFiles: as RegisterTaskDefinition
    // coverage: RegisterDaemonTaskDefinition refuses containerDefinitions[].firelensConfiguration: as RegisterTaskDefinition
    // coverage: RegisterDaemonTaskDefinition refuses containerDefinitions[].logConfiguration.logDriver other than awslogs: as RegisterTaskDefinition
    let volumes = request.volumes.unwrap_or_default();
    if volumes
        .iter()
        .any(|volume| volume.log_driver_volume_configuration.is_some())
    {
        return Err(Refusal::unsupported_field(
            "volumes[].logDriverVolumeConfiguration",
            "logs go to Gantry's CloudWatch Logs, not to files of the instance",
        ));
    }
    let containers = request.container_definitions.unwrap_or_default();
    task_definition::normalise(RegisterTaskDefinitionRequest {
        family: request.family,
        cpu: request.cpu,
        memory: request.memory,
        task_role_arn: request.task_role_arn,
        execution_role_arn: request.execution_role_arn,
        network_mode: Some(NetworkMode::HOST),
        requires_compatibilities: Some(vec![Compatibility::EC2]),
        pid_mode,
        ipc_mode,
        volumes: Some(
            volumes
                .into_iter()
                .map(|volume| Volume {
                    name: volume.name,
                    host: volume.host,
                    ..Volume::default()
                })
                .collect(),
        ),
        container_definitions: Some(containers.iter().map(of_daemon).collect::<Result<_, _>>()?),
        ..RegisterTaskDefinitionRequest::default()
    })
}

/// As DescribeDaemonTaskDefinition shows it, but for ARN, revision, status, and who registered it when.
pub fn shown_definition(definition: &TaskDefinition) -> DaemonTaskDefinition {
    let shares = |mode: Option<&str>| mode == Some("host");
    let pid_mode = shares(definition.pid_mode.as_ref().map(PidMode::as_str));
    let ipc_mode = shares(definition.ipc_mode.as_ref().map(IpcMode::as_str));
    let containers = definition.container_definitions.iter().flatten();
    let volumes = definition.volumes.iter().flatten();
    DaemonTaskDefinition {
        family: definition.family.clone(),
        cpu: definition.cpu.clone(),
        memory: definition.memory.clone(),
        task_role_arn: definition.task_role_arn.clone(),
        execution_role_arn: definition.execution_role_arn.clone(),
        container_definitions: Some(containers.filter_map(as_of_daemon).collect()),
        volumes: Some(
            volumes
                .map(|volume| DaemonVolume {
                    name: volume.name.clone(),
                    host: volume.host.clone(),
                    ..DaemonVolume::default()
                })
                .collect(),
        ),
        pid_mode: Some(if pid_mode {
            DaemonPidMode::SHARED
        } else {
            DaemonPidMode::NONE
        }),
        ipc_mode: Some(if ipc_mode {
            DaemonIpcMode::SHARED
        } else {
            DaemonIpcMode::NONE
        }),
        ..DaemonTaskDefinition::default()
    }
}

/// A daemon's container has a part of the members of a container, by the same names and of the same shapes.
fn of_daemon(container: &DaemonContainerDefinition) -> Result<ContainerDefinition, Refusal> {
    wire::json::from_slice(&wire::json::to_vec(container))
        .map_err(|error| Refusal::client(format!("Invalid container definition: {error}")))
}

fn as_of_daemon(container: &ContainerDefinition) -> Option<DaemonContainerDefinition> {
    wire::json::from_slice(&wire::json::to_vec(container)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draining(percent: f64) -> DaemonDeploymentConfiguration {
        DaemonDeploymentConfiguration {
            drain_percent: Some(percent),
            ..DaemonDeploymentConfiguration::default()
        }
    }

    #[test]
    fn at_least_one_node_at_a_time_is_updated_and_at_most_the_percentage() {
        for nodes in 1..200 {
            for percent in [0.0, 0.5, 10.0, 25.0, 33.3, 50.0, 99.9, 100.0] {
                let least = least_healthy_percent(&draining(percent), nodes);
                let (lower, _) = crate::deployment::bounds(nodes, least, 100);
                let drained = nodes - lower;
                assert!(drained >= 1, "{percent} % of {nodes}");
                let most = (f64::from(nodes) * percent / 100.0).max(1.0);
                assert!(
                    f64::from(drained) <= most,
                    "{percent} % of {nodes}: {drained}"
                );
            }
        }
    }

    #[test]
    fn a_configuration_has_defaults_and_bounds() {
        let defaults = configuration(None, None).unwrap();
        assert_eq!(defaults.drain_percent, Some(25.0));
        assert_eq!(defaults.bake_time_in_minutes, Some(0));
        let of_service = as_of_service(&defaults).unwrap();
        assert_eq!(of_service.minimum_healthy_percent, Some(75));
        for percent in [-0.1, 100.1, f64::NAN] {
            assert!(
                configuration(None, Some(draining(percent))).is_err(),
                "{percent}"
            );
        }
        let alarms = DaemonDeploymentConfiguration {
            alarms: Some(DaemonAlarmConfiguration {
                enable: Some(true),
                alarm_names: None,
            }),
            ..DaemonDeploymentConfiguration::default()
        };
        assert!(configuration(None, Some(alarms)).is_err(), "which alarms?");
        let kept = configuration(Some(&defaults), Some(draining(50.0))).unwrap();
        assert_eq!(
            (kept.drain_percent, kept.bake_time_in_minutes),
            (Some(50.0), Some(0))
        );
    }

    #[test]
    fn what_was_registered_is_shown() {
        let request = RegisterDaemonTaskDefinitionRequest {
            family: Some("log".into()),
            pid_mode: Some(DaemonPidMode::SHARED),
            container_definitions: Some(vec![DaemonContainerDefinition {
                name: Some("agent".into()),
                image: Some("agent:1".into()),
                memory: Some(64),
                privileged: Some(true),
                ..DaemonContainerDefinition::default()
            }]),
            ..RegisterDaemonTaskDefinitionRequest::default()
        };
        let definition = definition(request).unwrap();
        assert_eq!(definition.network_mode, Some(NetworkMode::HOST));
        assert_eq!(definition.pid_mode, Some(PidMode::HOST));
        let shown = shown_definition(&definition);
        let container = &shown.container_definitions.as_ref().unwrap()[0];
        assert_eq!(container.name.as_deref(), Some("agent"));
        assert_eq!(
            (container.memory, container.privileged),
            (Some(64), Some(true))
        );
        assert_eq!(shown.pid_mode, Some(DaemonPidMode::SHARED));
        assert_eq!(shown.ipc_mode, Some(DaemonIpcMode::NONE));
    }

    #[test]
    fn names() {
        assert_eq!(check_name(Some("log-1_a")), Ok("log-1_a"));
        for name in [None, Some(""), Some("no spaces"), Some("a/b"), Some("a:b")] {
            assert!(check_name(name).is_err());
        }
    }
}
