//! A task's record, from its definition and what was asked for.

use api_ecs::types::{ContainerDefinition, ContainerOverride, TaskOverride};
use ecs_rules::{gpu, node::CAPACITY_PROVIDER_ATTRIBUTE};
use state::Head;

use super::NewTask;
use crate::{
    Ecs,
    records::{
        ContainerRecord, DesiredStatus, HealthStatus, TaskDefinitionRecord, TaskRecord, TaskStatus,
    },
};

const PORT_RANGE: &str = "ecs.capability.network.container-port-range";
/// What Fargate gives a task that asks for no more.
const FARGATE_EPHEMERAL_STORAGE_GIB: i32 = 20;

/// The record of a task that is not placed yet.
pub(super) fn record(ecs: &Ecs, new: &NewTask<'_>) -> TaskRecord {
    let definition = &new.definition.definition;
    let overrides = new.overrides.as_deref();
    let containers: Vec<ContainerRecord> = definition
        .container_definitions
        .iter()
        .flatten()
        .map(|container| container_record(ecs, container, overrides))
        .collect();
    let (cpu_units, memory_mib) = resources(new, &containers);
    let asked_storage = overrides
        .and_then(|overrides| overrides.ephemeral_storage.as_ref())
        .or(definition.ephemeral_storage.as_ref())
        .and_then(|storage| storage.size_in_gib);
    TaskRecord {
        account: new.account.to_owned(),
        region: new.region.to_owned(),
        cluster: new.cluster.to_owned(),
        id: names::task_id(&ecs.clock),
        family: new.definition.family.clone(),
        revision: new.definition.revision,
        group: new.group.clone(),
        service: new.service.clone(),
        deployment_id: new.deployment_id.clone(),
        started_by: new.started_by.clone(),
        launch_type: new.launch.launch_type.clone(),
        capacity_provider: new.launch.capacity_provider.clone(),
        platform_version: new.launch.platform_version.clone(),
        last_status: first_status(new),
        desired_status: DesiredStatus::Running,
        health: HealthStatus::Unknown,
        containers,
        cpu_units,
        memory_mib,
        host_ports: host_ports(new),
        ephemeral_storage_gib: asked_storage.or(new
            .launch
            .is_serverless()
            .then_some(FARGATE_EPHEMERAL_STORAGE_GIB)),
        enable_execute_command: new.enable_execute_command,
        overrides: new.overrides.clone(),
        network_configuration: new.network_configuration.clone(),
        network_interface: None,
        container_instance_key: None,
        availability_zone: None,
        cpu_architecture: None,
        stop_code: None,
        stopped_reason: None,
        placement: None,
        placing: new.placing.record(),
        reference_id: new.reference_id.clone(),
        protection_ends_at: None,
        tags: new.tags.clone(),
        version: 1,
        created_at: ecs.clock.now(),
        connected_at: None,
        pull_started_at: None,
        pull_stopped_at: None,
        started_at: None,
        stopping_at: None,
        execution_stopped_at: None,
        stopped_at: None,
    }
}

/// The attributes that the node must have.
///
/// On container instances: the definition's `requiresAttributes`. Serverless nodes are Gantry's own and run all that
/// registration lets through; only the architecture is a choice there.
pub(super) fn required_attributes(new: &NewTask<'_>) -> Vec<(String, Option<String>)> {
    let mut required = required(new.definition, new.launch.is_serverless());
    required.extend(of_provider(
        &new.launch.launch_type,
        new.launch.capacity_provider.as_deref(),
    ));
    required
}

/// A task of an Auto Scaling group's provider runs on the provider's instances only.
fn of_provider(launch_type: &str, provider: Option<&str>) -> Option<(String, Option<String>)> {
    let provider = provider.filter(|_| launch_type != "FARGATE")?;
    Some((
        CAPACITY_PROVIDER_ATTRIBUTE.to_owned(),
        Some(provider.to_owned()),
    ))
}

pub(super) fn required_attributes_of_waiting(
    head: &Head,
    task: &TaskRecord,
) -> Vec<(String, Option<String>)> {
    let key =
        TaskDefinitionRecord::key_of(&task.account, &task.region, &task.family, task.revision);
    let mut required = head
        .get::<TaskDefinitionRecord>(&key)
        .map(|definition| required(&definition, task.launch_type == "FARGATE"))
        .unwrap_or_default();
    required.extend(of_provider(
        &task.launch_type,
        task.capacity_provider.as_deref(),
    ));
    required
}

pub(super) fn required(
    definition: &TaskDefinitionRecord,
    is_serverless: bool,
) -> Vec<(String, Option<String>)> {
    let mut required = vec![];
    let platform = definition.definition.runtime_platform.as_ref();
    let architecture = platform.and_then(|platform| platform.cpu_architecture.as_ref());
    if let Some(architecture) = architecture {
        let value = architecture.as_str().to_ascii_lowercase();
        required.push(("ecs.cpu-architecture".to_owned(), Some(value)));
    }
    if !is_serverless {
        let mode = definition.definition.network_mode.as_ref();
        let is_awsvpc = mode.is_some_and(|mode| mode.as_str() == "awsvpc");
        let attributes = definition.definition.requires_attributes.iter().flatten();
        required.extend(attributes.filter_map(|attribute| {
            let name = attribute.name.clone().filter(|name| !is_of_roles(name))?;
            // A task with an address of its own has all its ports: nothing is mapped.
            if is_awsvpc && name == PORT_RANGE {
                return None;
            }
            Some((name, attribute.value.clone()))
        }));
    }
    required
}

/// Whether an attribute is about IAM roles. A definition keeps its roles, and no task gets credentials of them yet, on
/// any node; images and logs go to this server, to which the node has a key of its own. So an agent can't honestly
/// announce the capability, and a task loses nothing where it is missing.
fn is_of_roles(attribute: &str) -> bool {
    attribute.starts_with("com.amazonaws.ecs.capability.task-iam-role")
        || attribute.starts_with("ecs.capability.execution-role-")
}

/// PROVISIONING is the time in which a network interface is made; without one there is nothing to provision.
fn first_status(new: &NewTask<'_>) -> TaskStatus {
    if new.launch.is_serverless() || new.network_configuration.is_some() {
        TaskStatus::Provisioning
    } else {
        TaskStatus::Pending
    }
}

fn container_record(
    ecs: &Ecs,
    container: &ContainerDefinition,
    overrides: Option<&TaskOverride>,
) -> ContainerRecord {
    let name = container.name.clone().unwrap_or_default();
    let own = overrides.and_then(|overrides| override_of(overrides, &name));
    let cpu = own.and_then(|own| own.cpu).or(container.cpu);
    let memory = own.and_then(|own| own.memory).or(container.memory);
    let reservation = own
        .and_then(|own| own.memory_reservation)
        .or(container.memory_reservation);
    let of_override = own.and_then(|own| own.resource_requirements.as_deref());
    let requirements = of_override
        .filter(|own| !own.is_empty())
        .or(container.resource_requirements.as_deref());
    ContainerRecord {
        id: names::container_id(&ecs.clock),
        image: container.image.clone().unwrap_or_default(),
        image_digest: None,
        runtime_id: None,
        last_status: "PENDING".into(),
        exit_code: None,
        reason: None,
        health: HealthStatus::Unknown,
        has_health_check: container.health_check.is_some(),
        essential: container.essential.unwrap_or(true),
        cpu_units: i64::from(cpu.unwrap_or_default()),
        memory_mib: memory.map(i64::from),
        memory_reservation_mib: reservation.map(i64::from),
        network_bindings: vec![],
        gpus: gpu::asked(requirements.unwrap_or_default()),
        gpu_ids: vec![],
        name,
    }
}

fn override_of<'a>(overrides: &'a TaskOverride, name: &str) -> Option<&'a ContainerOverride> {
    overrides
        .container_overrides
        .iter()
        .flatten()
        .find(|own| own.name.as_deref() == Some(name))
}

/// What placement counts: the task's own size, or what its containers ask for together.
fn resources(new: &NewTask<'_>, containers: &[ContainerRecord]) -> (i64, i64) {
    let overrides = new.overrides.as_ref();
    let size = |own: Option<&String>, of_definition: Option<&String>| {
        own.or(of_definition)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let definition = &new.definition.definition;
    let cpu = size(
        overrides.and_then(|overrides| overrides.cpu.as_ref()),
        definition.cpu.as_ref(),
    );
    let memory = size(
        overrides.and_then(|overrides| overrides.memory.as_ref()),
        definition.memory.as_ref(),
    );
    let sum_of_cpu = || containers.iter().map(|container| container.cpu_units).sum();
    let sum_of_memory = || {
        let sizes = containers
            .iter()
            .filter_map(|container| container.memory_reservation_mib.or(container.memory_mib));
        sizes.sum()
    };
    (
        cpu.unwrap_or_else(sum_of_cpu),
        memory.unwrap_or_else(sum_of_memory),
    )
}

/// Ports of the host that the task holds: fixed ones of bridge and host mode. An awsvpc task has its own address.
fn host_ports(new: &NewTask<'_>) -> Vec<(u16, String)> {
    if new.network_configuration.is_some() {
        return vec![];
    }
    let definition = &new.definition.definition;
    let is_host_mode = definition
        .network_mode
        .as_ref()
        .is_some_and(|mode| mode.as_str() == "host");
    let containers = definition.container_definitions.iter().flatten();
    let mappings = containers.flat_map(|container| container.port_mappings.iter().flatten());
    mappings
        .filter_map(|mapping| {
            let of_container = mapping.container_port.filter(|_| is_host_mode);
            let port = mapping
                .host_port
                .filter(|port| *port != 0)
                .or(of_container)?;
            let protocol = mapping
                .protocol
                .as_ref()
                .map_or("tcp", |protocol| protocol.as_str());
            Some((u16::try_from(port).ok()?, protocol.to_owned()))
        })
        .collect()
}
