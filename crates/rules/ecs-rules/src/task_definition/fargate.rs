//! What Fargate asks for and what it cannot do
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>).

use api_ecs::types::{ContainerDefinition, LogDriver, NetworkMode, PidMode, TaskDefinition};

use super::{containers, is_mode, list, name, size};
use crate::Refusal;

pub(super) const ONLY_AWSVPC: &str = "Fargate only supports network mode ‘awsvpc’.";
const EPHEMERAL_STORAGE_GIB: std::ops::RangeInclusive<i32> = 21..=200;
const LONGEST_TIMEOUT_SECONDS: i32 = 120;
const LOG_DRIVERS: [LogDriver; 3] = [
    LogDriver::AWSLOGS,
    LogDriver::SPLUNK,
    LogDriver::AWSFIRELENS,
];

pub(super) fn check(definition: &TaskDefinition) -> Result<(), Refusal> {
    if !is_mode(definition, &NetworkMode::AWSVPC) {
        return Err(Refusal::client(ONLY_AWSVPC));
    }
    check_size(definition)?;
    if !list(&definition.placement_constraints).is_empty() {
        return Err(Refusal::client(
            "Task placement constraints are not supported for tasks run on Fargate.",
        ));
    }
    if let Some(storage) = &definition.ephemeral_storage {
        let gib = storage.size_in_gib.unwrap_or(0);
        if !EPHEMERAL_STORAGE_GIB.contains(&gib) {
            return Err(Refusal::client(
                "The ephemeral storage size must be between 21 and 200 GiB.",
            ));
        }
    }
    if definition.pid_mode == Some(PidMode::HOST) {
        return Err(Refusal::client(
            "Fargate compatible task definitions do not support pidMode 'host'.",
        ));
    }
    if definition.ipc_mode.is_some() {
        return Err(Refusal::client(
            "Fargate compatible task definitions do not support ipcMode.",
        ));
    }
    let host_path = |volume: &api_ecs::types::Volume| {
        volume
            .host
            .as_ref()
            .is_some_and(|host| host.source_path.is_some())
    };
    if list(&definition.volumes).iter().any(host_path) {
        return Err(Refusal::client(
            "Fargate compatible task definitions do not support sourcePath",
        ));
    }
    containers(definition).iter().try_for_each(check_container)
}

fn check_size(definition: &TaskDefinition) -> Result<(), Refusal> {
    let missing = |field: &str| {
        Refusal::client(format!(
            "Fargate requires that '{field}' be defined at the task level."
        ))
    };
    let (cpu, memory) = size::of_task(definition);
    let cpu = cpu.ok_or_else(|| missing("cpu"))?;
    let memory = memory.ok_or_else(|| missing("memory"))?;
    if !size::is_fargate_size(cpu, memory) {
        return Err(Refusal::client(
            "No Fargate configuration exists for given values.",
        ));
    }
    Ok(())
}

fn check_container(container: &ContainerDefinition) -> Result<(), Refusal> {
    if let Some(what) = cannot_have(container) {
        return Err(Refusal::client(format!(
            "Tasks using the Fargate launch type do not support {what}. Container: '{}'.",
            name(container)
        )));
    }
    let driver = container
        .log_configuration
        .as_ref()
        .and_then(|log| log.log_driver.as_ref());
    if let Some(driver) = driver
        && !LOG_DRIVERS.contains(driver)
    {
        return Err(Refusal::client(format!(
            "Fargate compatible task definitions do not support log driver {driver}."
        )));
    }
    if driver == Some(&LogDriver::AWSLOGS) {
        super::logs::check_fargate_awslogs(container)?;
    }
    Ok(())
}

fn cannot_have(container: &ContainerDefinition) -> Option<String> {
    if container.privileged == Some(true) {
        return Some("the privileged flag".into());
    }
    for (field, seconds) in [
        ("startTimeout", container.start_timeout),
        ("stopTimeout", container.stop_timeout),
    ] {
        if seconds.is_some_and(|seconds| seconds > LONGEST_TIMEOUT_SECONDS) {
            return Some(format!(
                "a {field} of more than {LONGEST_TIMEOUT_SECONDS} seconds"
            ));
        }
    }
    if !list(&container.resource_requirements).is_empty() {
        return Some("GPU resource requirements".into());
    }
    if container.disable_networking == Some(true) {
        return Some("disableNetworking".into());
    }
    if !list(&container.docker_security_options).is_empty() {
        return Some("dockerSecurityOptions".into());
    }
    // tmpfs is supported since January 2026.
    let linux = container.linux_parameters.as_ref()?;
    for (field, is_set) in [
        ("sharedMemorySize", linux.shared_memory_size.is_some()),
        ("maxSwap", linux.max_swap.is_some()),
        ("swappiness", linux.swappiness.is_some()),
        ("devices", !list(&linux.devices).is_empty()),
    ] {
        if is_set {
            return Some(format!("linuxParameters.{field}"));
        }
    }
    let added = linux
        .capabilities
        .as_ref()
        .map(|kernel| list(&kernel.add))?;
    let refused = added
        .iter()
        .find(|capability| *capability != "SYS_PTRACE")?;
    Some(format!("adding the capability {refused}"))
}
