//! What the node says of itself when it registers: only what is true of it.

use api_ecs::types::{
    Attribute, PlatformDevice, PlatformDeviceType, RegisterContainerInstanceRequest, Resource,
    VersionInfo,
};

use crate::options::{Capacity, Options, Resources};

/// Told to the control plane; the agent's own version, not Amazon's.
pub const AGENT_VERSION: &str = env!("CARGO_PKG_VERSION");
pub const AGENT_HASH: &str = "gantry";
/// What stands where Docker's version stands for Amazon's agent.
pub const RUNTIME_VERSION: &str = concat!("gantry-", env!("CARGO_PKG_VERSION"));

/// Ports that a node keeps for itself, as Amazon's agent has them (agent protocol §1.3).
const RESERVED_PORTS: [&str; 5] = ["22", "2375", "2376", "51678", "51679"];

/// Agent protocol §1.3: names that placement looks for. Left out: roles' credentials, env files, volumes of
/// file systems and everything else that this agent does not do.
const CAPABILITIES: [&str; 13] = [
    "container-health-check",
    "container-ordering",
    "container-restart-policy",
    "ecr-endpoint",
    "execution-role-awslogs",
    "execution-role-ecr-pull",
    "full-sync",
    "increased-task-cpu-limit",
    "private-registry-authentication.secretsmanager",
    "secrets.asm.environment-variables",
    "secrets.ssm.environment-variables",
    "task-cpu-mem-limit",
    "task-eni",
];
const COM_AMAZONAWS_CAPABILITIES: [&str; 5] = [
    "ecr-auth",
    "logging-driver.awslogs",
    "logging-driver.json-file",
    "logging-driver.none",
    "privileged-container",
];
/// Docker API versions whose settings are understood. Placement asks for them by name, whatever runs the containers.
const DOCKER_API_VERSIONS: [&str; 13] = [
    "1.17", "1.18", "1.19", "1.20", "1.21", "1.22", "1.23", "1.24", "1.25", "1.28", "1.29", "1.30",
    "1.32",
];

pub fn request(
    options: &Options,
    container_instance_arn: Option<String>,
    client_token: String,
) -> RegisterContainerInstanceRequest {
    let resources = options.resources.unwrap_or_else(Resources::of_this_machine);
    RegisterContainerInstanceRequest {
        cluster: Some(options.cluster.clone()),
        container_instance_arn,
        client_token: Some(client_token),
        attributes: Some(attributes(options.capacity, &options.attributes)),
        total_resources: Some(resources_of(
            resources.offered(options.capacity, options.overcommit),
        )),
        platform_devices: platform_devices(options),
        version_info: Some(VersionInfo {
            agent_version: Some(AGENT_VERSION.to_owned()),
            agent_hash: Some(AGENT_HASH.to_owned()),
            docker_version: Some(RUNTIME_VERSION.to_owned()),
        }),
        ..Default::default()
    }
}

fn platform_devices(options: &Options) -> Option<Vec<PlatformDevice>> {
    let gpus = options.gpus.iter();
    let gpus = gpus.filter(|_| options.capacity == Capacity::ContainerInstance);
    let devices: Vec<PlatformDevice> = gpus
        .map(|gpu| PlatformDevice {
            id: Some(gpu.id.clone()),
            r#type: Some(PlatformDeviceType::GPU),
        })
        .collect();
    (!devices.is_empty()).then_some(devices)
}

fn attributes(capacity: Capacity, further: &[(String, String)]) -> Vec<Attribute> {
    let attribute = |name: String, value: Option<&str>| Attribute {
        name: Some(name),
        value: value.map(str::to_owned),
        ..Default::default()
    };
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    let ours = CAPABILITIES
        .iter()
        .map(|name| format!("ecs.capability.{name}"));
    let amazons = COM_AMAZONAWS_CAPABILITIES
        .iter()
        .map(|name| (*name).to_owned());
    let docker = DOCKER_API_VERSIONS
        .iter()
        .map(|version| format!("docker-remote-api.{version}"));
    let amazons = amazons
        .chain(docker)
        .map(|name| format!("com.amazonaws.ecs.capability.{name}"));
    let mut attributes: Vec<Attribute> = ours
        .chain(amazons)
        .map(|name| attribute(name, None))
        .collect();
    for (name, value) in [
        ("ecs.os-type", "linux"),
        ("ecs.os-family", "LINUX"),
        ("ecs.cpu-architecture", architecture),
        ("gantry.capacity", capacity.as_str()),
    ] {
        attributes.push(attribute(name.to_owned(), Some(value)));
    }
    attributes.extend(
        further
            .iter()
            .map(|(name, value)| attribute(name.clone(), Some(value))),
    );
    attributes
}

fn resources_of(resources: Resources) -> Vec<Resource> {
    let integer = |name: &str, value: u32| Resource {
        name: Some(name.to_owned()),
        r#type: Some("INTEGER".to_owned()),
        integer_value: Some(i32::try_from(value).unwrap_or(i32::MAX)),
        ..Default::default()
    };
    let ports = |name: &str, values: &[&str]| Resource {
        name: Some(name.to_owned()),
        r#type: Some("STRINGSET".to_owned()),
        string_set_value: Some(values.iter().map(|port| (*port).to_owned()).collect()),
        ..Default::default()
    };
    vec![
        integer("CPU", resources.cpu_units),
        integer("MEMORY", resources.memory_mib),
        ports("PORTS", &RESERVED_PORTS),
        ports("PORTS_UDP", &[]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_says_whose_capacity_it_is_and_nothing_that_it_cannot_do() {
        let attributes = attributes(Capacity::Serverless, &[("rack".into(), "a".into())]);
        let value = |name: &str| {
            let found = attributes
                .iter()
                .find(|attribute| attribute.name.as_deref() == Some(name));
            found.map(|attribute| attribute.value.clone())
        };
        assert_eq!(value("gantry.capacity"), Some(Some("serverless".into())));
        assert_eq!(value("rack"), Some(Some("a".into())));
        assert_eq!(value("ecs.capability.task-eni"), Some(None));
        assert!(
            attributes.iter().all(|attribute| !attribute
                .name
                .as_deref()
                .unwrap()
                .contains("task-iam-role"))
        );
    }
}
