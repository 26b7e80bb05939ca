//! One container of a task definition, with its override, as ACS and Docker JSON say it.

use std::collections::BTreeMap;

use api_ecs::types::{
    ContainerDefinition, ContainerOverride, Device, HealthCheck, KeyValuePair, LogConfiguration,
    Secret, Tmpfs,
};

use super::TaskRenderInput;
use crate::{acs, docker};

const MIB: i64 = 1024 * 1024;
const NANOSECONDS: i64 = 1_000_000_000;
// AWS's defaults of a task definition's health check; Docker's own differ.
const HEALTH_INTERVAL_SECONDS: i32 = 30;
const HEALTH_TIMEOUT_SECONDS: i32 = 5;
const HEALTH_RETRIES: i32 = 3;

pub(super) fn render(
    input: &TaskRenderInput<'_>,
    definition: &ContainerDefinition,
    overrides: Option<&ContainerOverride>,
) -> acs::Container {
    let name = definition.name.clone().unwrap_or_default();
    acs::Container {
        image: super::image::reference(definition, input.image_digests),
        cpu: overrides.and_then(|of| of.cpu).or(definition.cpu),
        memory: overrides.and_then(|of| of.memory).or(definition.memory),
        essential: Some(definition.essential.unwrap_or(true)),
        entry_point: definition.entry_point.clone().unwrap_or_default(),
        command: overrides
            .and_then(|of| of.command.clone())
            .or_else(|| definition.command.clone())
            .unwrap_or_default(),
        environment: environment(input, definition, overrides),
        environment_files: definition
            .environment_files
            .iter()
            .chain(overrides.and_then(|of| of.environment_files.as_ref()))
            .flatten()
            .map(|file| acs::EnvironmentFile {
                value: file.value.clone(),
                kind: file.r#type.as_ref().map(ToString::to_string),
            })
            .collect(),
        links: definition.links.clone().unwrap_or_default(),
        health_check_type: definition
            .health_check
            .as_ref()
            .map(|_| "docker".to_owned()),
        start_timeout: definition.start_timeout,
        stop_timeout: definition.stop_timeout,
        secrets: secrets(input, definition),
        registry_authentication: registry_authentication(definition),
        credential_specs: definition.credential_specs.clone().unwrap_or_default(),
        firelens_configuration: definition.firelens_configuration.as_ref().map(|firelens| {
            acs::FirelensConfiguration {
                kind: firelens.r#type.as_ref().map(ToString::to_string),
                options: firelens.options.clone().unwrap_or_default(),
            }
        }),
        restart_policy: definition
            .restart_policy
            .as_ref()
            .map(|policy| acs::RestartPolicy {
                enabled: policy.enabled,
                ignored_exit_codes: policy.ignored_exit_codes.clone().unwrap_or_default(),
                restart_attempt_period: policy.restart_attempt_period,
            }),
        docker_config: Some(acs::DockerConfig {
            version: Some(docker::API_VERSION.to_owned()),
            config: Some(config(definition).encode()),
            host_config: Some(host_config(input, definition, overrides).encode()),
        }),
        container_arn: input.container_arns.get(&name).cloned(),
        name: Some(name),
        ..references(definition)
    }
}

/// The members that name other parts of the task.
fn references(definition: &ContainerDefinition) -> acs::Container {
    let text = |value: &dyn std::fmt::Display| value.to_string();
    acs::Container {
        port_mappings: definition
            .port_mappings
            .iter()
            .flatten()
            .map(|mapping| acs::PortMapping {
                container_port: mapping.container_port,
                host_port: mapping.host_port,
                container_port_range: mapping.container_port_range.clone(),
                protocol: mapping.protocol.as_ref().map(|protocol| text(protocol)),
            })
            .collect(),
        mount_points: definition
            .mount_points
            .iter()
            .flatten()
            .map(|point| acs::MountPoint {
                source_volume: point.source_volume.clone(),
                container_path: point.container_path.clone(),
                read_only: point.read_only,
            })
            .collect(),
        volumes_from: definition
            .volumes_from
            .iter()
            .flatten()
            .map(|from| acs::VolumeFrom {
                source_container: from.source_container.clone(),
                read_only: from.read_only,
            })
            .collect(),
        depends_on: definition
            .depends_on
            .iter()
            .flatten()
            .map(|dependency| acs::ContainerDependency {
                container_name: dependency.container_name.clone(),
                condition: dependency
                    .condition
                    .as_ref()
                    .map(|condition| text(condition)),
            })
            .collect(),
        ..Default::default()
    }
}

/// What AWS adds, under what the definition says, under what the override says.
fn environment(
    input: &TaskRenderInput<'_>,
    definition: &ContainerDefinition,
    overrides: Option<&ContainerOverride>,
) -> BTreeMap<String, String> {
    let execution = if input.launch_type == "FARGATE" {
        "AWS_ECS_FARGATE"
    } else {
        "AWS_ECS_EC2"
    };
    let mut merged: BTreeMap<String, String> = [
        ("AWS_EXECUTION_ENV", execution),
        ("AWS_REGION", input.region),
        ("AWS_DEFAULT_REGION", input.region),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    merged.extend(pairs(&definition.environment));
    merged.extend(
        overrides
            .map(|of| pairs(&of.environment))
            .unwrap_or_default(),
    );
    merged
}

pub(super) fn pairs(list: &Option<Vec<KeyValuePair>>) -> BTreeMap<String, String> {
    let pair =
        |pair: &KeyValuePair| Some((pair.name.clone()?, pair.value.clone().unwrap_or_default()));
    list.iter().flatten().filter_map(pair).collect()
}

fn config(definition: &ContainerDefinition) -> docker::Config {
    docker::Config {
        hostname: definition.hostname.clone(),
        user: definition.user.clone(),
        working_dir: definition.working_directory.clone(),
        labels: definition.docker_labels.clone().unwrap_or_default(),
        healthcheck: definition.health_check.as_ref().map(health_check),
        tty: definition.pseudo_terminal.filter(|asked| *asked),
        open_stdin: definition.interactive.filter(|asked| *asked),
        network_disabled: definition.disable_networking.filter(|asked| *asked),
        ..Default::default()
    }
}

fn health_check(check: &HealthCheck) -> docker::Healthcheck {
    let nanoseconds = |seconds: i32| Some(i64::from(seconds) * NANOSECONDS);
    docker::Healthcheck {
        test: check.command.clone().unwrap_or_default(),
        interval: nanoseconds(check.interval.unwrap_or(HEALTH_INTERVAL_SECONDS)),
        timeout: nanoseconds(check.timeout.unwrap_or(HEALTH_TIMEOUT_SECONDS)),
        start_period: check.start_period.and_then(nanoseconds),
        retries: Some(check.retries.unwrap_or(HEALTH_RETRIES)),
    }
}

fn host_config(
    input: &TaskRenderInput<'_>,
    definition: &ContainerDefinition,
    overrides: Option<&ContainerOverride>,
) -> docker::HostConfig {
    let reservation = overrides
        .and_then(|of| of.memory_reservation)
        .or(definition.memory_reservation);
    let memory = overrides.and_then(|of| of.memory).or(definition.memory);
    let linux = definition.linux_parameters.clone().unwrap_or_default();
    let capabilities = linux.capabilities.unwrap_or_default();
    // An awsvpc container joins its task's namespace, which only the node can name.
    let network_mode = input
        .definition
        .network_mode
        .as_ref()
        .map(ToString::to_string);
    docker::HostConfig {
        network_mode: network_mode.filter(|mode| mode != "awsvpc"),
        memory_reservation: reservation.map(|mib| i64::from(mib) * MIB),
        memory_swap: linux
            .max_swap
            .zip(memory)
            .map(|(swap, memory)| i64::from(swap + memory) * MIB),
        // Without maxSwap it is ignored.
        memory_swappiness: linux
            .swappiness
            .filter(|_| linux.max_swap.is_some())
            .map(i64::from),
        log_config: definition
            .log_configuration
            .as_ref()
            .map(|log| log_config(input, definition, log)),
        cap_add: capabilities.add.unwrap_or_default(),
        cap_drop: capabilities.drop.unwrap_or_default(),
        privileged: definition.privileged.filter(|asked| *asked),
        readonly_rootfs: definition.readonly_root_filesystem.filter(|asked| *asked),
        security_opt: definition
            .docker_security_options
            .clone()
            .unwrap_or_default(),
        ulimits: definition
            .ulimits
            .iter()
            .flatten()
            .map(|limit| docker::Ulimit {
                name: limit
                    .name
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                soft: limit.soft_limit.unwrap_or_default().into(),
                hard: limit.hard_limit.unwrap_or_default().into(),
            })
            .collect(),
        sysctls: definition
            .system_controls
            .iter()
            .flatten()
            .filter_map(|control| {
                Some((
                    control.namespace.clone()?,
                    control.value.clone().unwrap_or_default(),
                ))
            })
            .collect(),
        tmpfs: linux.tmpfs.iter().flatten().map(tmpfs).collect(),
        shm_size: linux.shared_memory_size.map(|mib| i64::from(mib) * MIB),
        init: linux.init_process_enabled.filter(|asked| *asked),
        devices: linux.devices.iter().flatten().map(device).collect(),
        dns: definition.dns_servers.clone().unwrap_or_default(),
        dns_search: definition.dns_search_domains.clone().unwrap_or_default(),
        extra_hosts: definition
            .extra_hosts
            .iter()
            .flatten()
            .filter_map(|host| {
                Some(format!(
                    "{}:{}",
                    host.hostname.as_deref()?,
                    host.ip_address.as_deref()?
                ))
            })
            .collect(),
        ..Default::default()
    }
}

/// Docker's awslogs driver takes a whole stream name; ECS makes it of prefix, container and task id.
fn log_config(
    input: &TaskRenderInput<'_>,
    definition: &ContainerDefinition,
    log: &LogConfiguration,
) -> docker::LogConfig {
    let kind = log.log_driver.as_ref().map(ToString::to_string);
    let mut config = log.options.clone().unwrap_or_default();
    if kind.as_deref() == Some("awslogs") {
        if let Some(prefix) = config.remove("awslogs-stream-prefix") {
            let name = definition.name.as_deref().unwrap_or_default();
            let task_id = input.task_arn.rsplit('/').next().unwrap_or_default();
            config.insert(
                "awslogs-stream".to_owned(),
                format!("{prefix}/{name}/{task_id}"),
            );
        }
        config
            .entry("awslogs-region".to_owned())
            .or_insert_with(|| input.region.to_owned());
    }
    if let Some(mode) = input.default_log_mode {
        let entry = config.entry("mode".to_owned());
        entry.or_insert_with(|| mode.to_owned());
    }
    docker::LogConfig { kind, config }
}

fn tmpfs(tmpfs: &Tmpfs) -> (String, String) {
    let mut options = vec![format!("size={}m", tmpfs.size.unwrap_or_default())];
    options.extend(tmpfs.mount_options.iter().flatten().cloned());
    (
        tmpfs.container_path.clone().unwrap_or_default(),
        options.join(","),
    )
}

fn device(device: &Device) -> docker::Device {
    let host_path = device.host_path.clone().unwrap_or_default();
    let letter = |permission: &str| match permission {
        "read" => "r",
        "write" => "w",
        _ => "m",
    };
    docker::Device {
        path_in_container: device
            .container_path
            .clone()
            .unwrap_or_else(|| host_path.clone()),
        path_on_host: host_path,
        cgroup_permissions: match &device.permissions {
            Some(list) => list
                .iter()
                .map(|permission| letter(permission.as_str()))
                .collect(),
            None => "rwm".to_owned(),
        },
    }
}

fn secrets(input: &TaskRenderInput<'_>, definition: &ContainerDefinition) -> Vec<acs::Secret> {
    let for_container = definition
        .secrets
        .iter()
        .flatten()
        .map(|secret| (secret, "CONTAINER"));
    let options = definition
        .log_configuration
        .as_ref()
        .and_then(|log| log.secret_options.as_ref());
    let for_log_driver = options
        .into_iter()
        .flatten()
        .map(|secret| (secret, "LOG_DRIVER"));
    let render = |(secret, target): (&Secret, &str)| {
        let value_from = secret.value_from.as_deref().unwrap_or_default();
        // `arn:aws:secretsmanager:REGION:…`, `arn:aws:ssm:REGION:…`, or a parameter's bare name in this region.
        let mut parts = value_from.split(':').skip(2);
        let (service, region) = (parts.next(), parts.next());
        acs::Secret {
            name: secret.name.clone(),
            value_from: secret.value_from.clone(),
            kind: Some(
                if target == "CONTAINER" {
                    "ENVIRONMENT_VARIABLE"
                } else {
                    "BOOTSTRAP"
                }
                .to_owned(),
            ),
            provider: Some(
                if service == Some("secretsmanager") {
                    "asm"
                } else {
                    "ssm"
                }
                .to_owned(),
            ),
            region: Some(region.unwrap_or(input.region).to_owned()),
            target: Some(target.to_owned()),
            ..Default::default()
        }
    };
    for_container.chain(for_log_driver).map(render).collect()
}

/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/…` logs in with ECR; repository credentials come from a secret.
fn registry_authentication(
    definition: &ContainerDefinition,
) -> Option<acs::RegistryAuthenticationData> {
    if let Some(credentials) = &definition.repository_credentials {
        let parameter = credentials.credentials_parameter.clone();
        let region = parameter
            .as_deref()
            .and_then(|arn| arn.split(':').nth(3))
            .map(str::to_owned);
        return Some(acs::RegistryAuthenticationData {
            kind: Some("asm".to_owned()),
            asm_auth_data: Some(acs::AsmAuthData {
                credentials_parameter: parameter,
                region,
            }),
            ..Default::default()
        });
    }
    let host = definition.image.as_deref()?.split('/').next()?;
    let mut parts = host.split('.');
    let (account, dkr, ecr, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (dkr == "dkr" && ecr == "ecr").then(|| acs::RegistryAuthenticationData {
        kind: Some("ecr".to_owned()),
        ecr_auth_data: Some(acs::EcrAuthData {
            registry_id: Some(account.to_owned()),
            region: Some(region.to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    })
}
