//! The rules of each container definition, and the defaults that AWS answers.

use std::collections::BTreeSet;

use api_ecs::types::{
    ContainerDefinition, ContainerRestartPolicy, HealthCheck, NetworkMode, TaskDefinition,
};
use limits::CONTAINERS_PER_TASK_DEFINITION;

use super::{capabilities, containers, is_mode, is_name, list, logs, name, ports, volumes};
use crate::{Refusal, gpu};

const IGNORED_EXIT_CODES: usize = 50;
const IMAGE_CHARACTERS: usize = 255;
const HOSTNAME_CHARACTERS: usize = 255;

pub(super) fn normalise(definition: &mut TaskDefinition) -> Result<(), Refusal> {
    check_list(containers(definition))?;
    let mode = definition
        .network_mode
        .clone()
        .unwrap_or(NetworkMode::BRIDGE);
    let volume_names: BTreeSet<String> = list(&definition.volumes)
        .iter()
        .filter_map(|volume| volume.name.clone())
        .collect();
    let container_names: BTreeSet<String> = containers(definition)
        .iter()
        .map(|container| name(container).to_owned())
        .collect();
    let has_execution_role = definition.execution_role_arn.is_some();
    for container in definition.container_definitions.iter_mut().flatten() {
        fill_in(container);
        check_image(container)?;
        ports::normalise(container, &mode)?;
        check_environment(container)?;
        check_secrets(container, has_execution_role)?;
        volumes::check_mounts(container, &volume_names, &container_names)?;
        check_health(container)?;
        check_restart_policy(container)?;
        check_timeouts(container)?;
        capabilities::check(container)?;
        logs::check(container)?;
        gpu::check(list(&container.resource_requirements))?;
    }
    for container in containers(definition) {
        check_network_settings(definition, container)?;
    }
    let essential = |container: &ContainerDefinition| container.essential == Some(true);
    if !containers(definition).iter().any(essential) {
        return Err(Refusal::client(
            "At least one container in the task definition must be marked as essential.",
        ));
    }
    ports::check_together(definition)
}

fn check_list(containers: &[ContainerDefinition]) -> Result<(), Refusal> {
    if containers.is_empty() {
        return Err(Refusal::client("Container list cannot be empty."));
    }
    if containers.len() > CONTAINERS_PER_TASK_DEFINITION {
        return Err(Refusal::client(format!(
            "Too many containers. A task definition can have up to {CONTAINERS_PER_TASK_DEFINITION} containers."
        )));
    }
    let mut names = BTreeSet::new();
    for container in containers {
        if name(container).is_empty() {
            return Err(Refusal::client(
                "Container.name should not be null or empty.",
            ));
        }
        if !is_name(name(container)) {
            return Err(Refusal::client(
                "Container.name contains invalid characters.",
            ));
        }
        if !names.insert(name(container)) {
            return Err(Refusal::client(format!(
                "Container.name should be unique: '{}' is used more than once.",
                name(container)
            )));
        }
    }
    Ok(())
}

/// Members that AWS answers whether they were sent or not.
fn fill_in(container: &mut ContainerDefinition) {
    container.cpu.get_or_insert(0);
    container.essential.get_or_insert(true);
    container.environment.get_or_insert_default();
    container.mount_points.get_or_insert_default();
    container.volumes_from.get_or_insert_default();
    container.system_controls.get_or_insert_default();
    if let Some(check) = &mut container.health_check {
        check.interval.get_or_insert(30);
        check.timeout.get_or_insert(5);
        check.retries.get_or_insert(3);
    }
    if let Some(ContainerRestartPolicy {
        enabled: Some(true),
        restart_attempt_period,
        ..
    }) = &mut container.restart_policy
    {
        restart_attempt_period.get_or_insert(300);
    }
}

fn check_image(container: &ContainerDefinition) -> Result<(), Refusal> {
    let image = container.image.as_deref().unwrap_or_default();
    if image.is_empty() {
        return Err(Refusal::client(
            "Container.image should not be null or empty.",
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:./#@+".contains(&byte);
    if image.len() > IMAGE_CHARACTERS || !image.bytes().all(allowed) {
        return Err(Refusal::client(
            "Container.image contains invalid characters.",
        ));
    }
    Ok(())
}

fn check_environment(container: &ContainerDefinition) -> Result<(), Refusal> {
    let wrong = list(&container.environment).iter().any(|variable| {
        let name = variable.name.as_deref().unwrap_or_default();
        name.is_empty() || name.contains(['=', '\0'])
    });
    if wrong {
        return Err(setting(
            container,
            "Environment variable names must not be empty and must not contain '='.",
        ));
    }
    Ok(())
}

fn check_secrets(container: &ContainerDefinition, has_execution_role: bool) -> Result<(), Refusal> {
    let login = container.repository_credentials.as_ref();
    if let Some(login) = login {
        let parameter = login.credentials_parameter.as_deref().unwrap_or_default();
        if parameter.is_empty() {
            return Err(setting(
                container,
                "The credentialsParameter of repositoryCredentials must name a secret.",
            ));
        }
        if !has_execution_role {
            return Err(Refusal::client(
                "When you are specifying repository credentials, you must also specify a value for 'executionRoleArn'.",
            ));
        }
    }
    let secrets = list(&container.secrets);
    if secrets.is_empty() {
        return Ok(());
    }
    if !has_execution_role {
        return Err(Refusal::client(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
        ));
    }
    let variables = list(&container.environment).iter();
    let mut names: BTreeSet<&str> = variables.filter_map(|it| it.name.as_deref()).collect();
    for secret in secrets {
        let name = secret.name.as_deref().unwrap_or_default();
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(setting(
                container,
                "Secret names must not be empty and must not contain '='.",
            ));
        }
        if secret.value_from.as_deref().unwrap_or_default().is_empty() {
            return Err(setting(
                container,
                "The valueFrom of a secret must not be empty.",
            ));
        }
        if !names.insert(name) {
            return Err(Refusal::client(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the \
                 container, such as '{name}'."
            )));
        }
    }
    Ok(())
}

fn check_health(container: &ContainerDefinition) -> Result<(), Refusal> {
    let Some(check) = &container.health_check else {
        return Ok(());
    };
    let command = list(&check.command);
    if command.is_empty() {
        return Err(setting(
            container,
            "The command of a health check must not be empty.",
        ));
    }
    let (kind, arguments) = (command[0].as_str(), command.len() - 1);
    let understood = match kind {
        "CMD" => arguments >= 1,
        "CMD-SHELL" => arguments == 1,
        _ => false,
    };
    if !understood {
        return Err(setting(
            container,
            "The command of a health check must begin with CMD and a program, or be CMD-SHELL and one command.",
        ));
    }
    check_health_bounds(container, check)
}

fn check_health_bounds(
    container: &ContainerDefinition,
    check: &HealthCheck,
) -> Result<(), Refusal> {
    let bounds = [
        ("interval", check.interval, 5..=300),
        ("timeout", check.timeout, 2..=60),
        ("retries", check.retries, 1..=10),
        ("startPeriod", check.start_period, 0..=300),
    ];
    for (field, value, allowed) in bounds {
        if value.is_some_and(|value| !allowed.contains(&value)) {
            return Err(setting(
                container,
                &format!(
                    "The {field} of a health check must be between {} and {}.",
                    allowed.start(),
                    allowed.end()
                ),
            ));
        }
    }
    Ok(())
}

fn check_restart_policy(container: &ContainerDefinition) -> Result<(), Refusal> {
    let Some(policy) = &container.restart_policy else {
        return Ok(());
    };
    if policy.enabled.is_none() {
        return Err(setting(
            container,
            "restartPolicy.enabled must be specified.",
        ));
    }
    if list(&policy.ignored_exit_codes).len() > IGNORED_EXIT_CODES {
        return Err(setting(
            container,
            "restartPolicy.ignoredExitCodes can have up to 50 exit codes.",
        ));
    }
    let period = policy.restart_attempt_period.unwrap_or(300);
    if !(60..=1800).contains(&period) {
        return Err(setting(
            container,
            "restartPolicy.restartAttemptPeriod must be between 60 and 1800.",
        ));
    }
    Ok(())
}

fn check_timeouts(container: &ContainerDefinition) -> Result<(), Refusal> {
    for (field, seconds) in [
        ("startTimeout", container.start_timeout),
        ("stopTimeout", container.stop_timeout),
    ] {
        if seconds.is_some_and(|seconds| seconds < 0) {
            return Err(setting(
                container,
                &format!("'{field}' must not be negative."),
            ));
        }
    }
    Ok(())
}

/// What the network mode forbids.
fn check_network_settings(
    definition: &TaskDefinition,
    container: &ContainerDefinition,
) -> Result<(), Refusal> {
    let mode = definition
        .network_mode
        .as_ref()
        .map_or("bridge", |mode| mode.as_str());
    let unsupported = |field: &str| {
        Err(Refusal::client(format!(
            "{field} is not supported on container when networkMode={mode}."
        )))
    };
    if !list(&container.links).is_empty() && !is_mode(definition, &NetworkMode::BRIDGE) {
        return Err(Refusal::client(format!(
            "Links are not supported when networkMode={mode}."
        )));
    }
    let shared_name =
        is_mode(definition, &NetworkMode::AWSVPC) || is_mode(definition, &NetworkMode::HOST);
    if let Some(hostname) = container
        .hostname
        .as_deref()
        .filter(|hostname| !hostname.is_empty())
    {
        if shared_name {
            return unsupported("hostname");
        }
        if hostname.len() > HOSTNAME_CHARACTERS {
            return Err(setting(container, "'hostname' is too long."));
        }
    }
    if is_mode(definition, &NetworkMode::AWSVPC) && !list(&container.extra_hosts).is_empty() {
        return unsupported("extraHosts");
    }
    for host in list(&container.extra_hosts) {
        let address = host.ip_address.as_deref().unwrap_or_default();
        let named = host
            .hostname
            .as_deref()
            .is_some_and(|hostname| !hostname.is_empty());
        if !named || address.parse::<std::net::IpAddr>().is_err() {
            return Err(setting(
                container,
                "extraHosts must have a hostname and an IP address each.",
            ));
        }
    }
    for server in list(&container.dns_servers) {
        if server.parse::<std::net::IpAddr>().is_err() {
            return Err(setting(
                container,
                &format!("'{server}' in dnsServers is not an IP address."),
            ));
        }
    }
    Ok(())
}

fn setting(container: &ContainerDefinition, what: &str) -> Refusal {
    Refusal::client(format!(
        "Invalid setting for container '{}'. {what}",
        name(container)
    ))
}
