//! Container instances as DescribeContainerInstances shows them.

use std::collections::BTreeSet;

use api_ecs::types::{
    Attribute, ContainerInstance, ContainerInstanceField, ContainerInstanceHealthStatus,
    InstanceHealthCheckResult, InstanceHealthCheckState, InstanceHealthCheckType, Resource,
    VersionInfo,
};

use super::{tags, timestamp};
use crate::{records::ContainerInstanceRecord, usage::Used};

pub(crate) fn render(
    record: &ContainerInstanceRecord,
    used: &Used,
    held_gpus: &BTreeSet<String>,
    include: &[ContainerInstanceField],
) -> ContainerInstance {
    let count = |tasks: usize| Some(i32::try_from(tasks).unwrap_or(i32::MAX));
    ContainerInstance {
        container_instance_arn: Some(record.arn()),
        version: Some(record.version),
        version_info: Some(VersionInfo {
            agent_version: given(&record.agent_version),
            agent_hash: given(&record.agent_hash),
            docker_version: given(&record.docker_version),
        }),
        registered_resources: Some(registered(record)),
        remaining_resources: Some(remaining(record, used, held_gpus)),
        status: Some(record.shown_status().into()),
        status_reason: status_reason(record),
        capacity_provider_name: record.capacity_provider().map(Into::into),
        agent_connected: Some(record.connection.connected),
        running_tasks_count: count(used.running_tasks),
        pending_tasks_count: count(used.pending_tasks),
        attributes: Some(attributes(record)),
        registered_at: Some(timestamp(record.registered_at)),
        attachments: Some(vec![]),
        tags: Some(match include.contains(&ContainerInstanceField::TAGS) {
            true => tags::render(&record.tags),
            false => vec![],
        }),
        health_status: include
            .contains(&ContainerInstanceField::CONTAINER_INSTANCE_HEALTH)
            .then(|| health(record)),
        ..ContainerInstance::default()
    }
}

fn status_reason(record: &ContainerInstanceRecord) -> Option<String> {
    let awaited = record.awaited_daemons.iter();
    let names: Vec<&str> = awaited.map(|daemon| daemon.name.as_str()).collect();
    match names.is_empty() {
        true => record.status_reason.clone(),
        false => Some(format!("Waiting for daemons: {}.", names.join(", "))),
    }
}

fn attributes(record: &ContainerInstanceRecord) -> Vec<Attribute> {
    record
        .all_attributes()
        .map(|attribute| Attribute {
            name: Some(attribute.name.clone()),
            value: attribute.value.clone(),
            ..Attribute::default()
        })
        .collect()
}

fn registered(record: &ContainerInstanceRecord) -> Vec<Resource> {
    let mut resources = vec![
        integer("CPU", record.cpu_units),
        integer("MEMORY", record.memory_mib),
        ports("PORTS", record.reserved_tcp_ports.clone()),
        ports("PORTS_UDP", record.reserved_udp_ports.clone()),
    ];
    if !record.gpu_ids.is_empty() {
        resources.push(set("GPU", record.gpu_ids.clone()));
    }
    resources
}

/// Ports are those in use: what is left of 65,535 would be a long list.
fn remaining(
    record: &ContainerInstanceRecord,
    used: &Used,
    held_gpus: &BTreeSet<String>,
) -> Vec<Resource> {
    let taken = |reserved: &[u16], protocol: &str| {
        let by_tasks = used.host_ports.keys().filter(|(_, used)| used == protocol);
        let mut all: Vec<u16> = reserved
            .iter()
            .copied()
            .chain(by_tasks.map(|(port, _)| *port))
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let mut resources = vec![
        integer("CPU", record.cpu_units - used.cpu_units),
        integer("MEMORY", record.memory_mib - used.memory_mib),
        ports("PORTS", taken(&record.reserved_tcp_ports, "tcp")),
        ports("PORTS_UDP", taken(&record.reserved_udp_ports, "udp")),
    ];
    if !record.gpu_ids.is_empty() {
        let free = record.gpu_ids.iter().filter(|id| !held_gpus.contains(*id));
        resources.push(set("GPU", free.cloned().collect()));
    }
    resources
}

fn integer(name: &str, value: i64) -> Resource {
    Resource {
        name: Some(name.into()),
        r#type: Some("INTEGER".into()),
        integer_value: Some(i32::try_from(value).unwrap_or(i32::MAX)),
        long_value: Some(0),
        double_value: Some(0.0),
        ..Resource::default()
    }
}

fn ports(name: &str, ports: Vec<u16>) -> Resource {
    set(name, ports.iter().map(u16::to_string).collect())
}

fn set(name: &str, members: Vec<String>) -> Resource {
    Resource {
        name: Some(name.into()),
        r#type: Some("STRINGSET".into()),
        string_set_value: Some(members),
        integer_value: Some(0),
        long_value: Some(0),
        double_value: Some(0.0),
    }
}

/// What the server itself knows of the node's health: whether the agent is there.
fn health(record: &ContainerInstanceRecord) -> ContainerInstanceHealthStatus {
    let state = match record.connection.connected {
        true => InstanceHealthCheckState::OK,
        false => InstanceHealthCheckState::IMPAIRED,
    };
    let changed_at = Some(timestamp(record.connection.changed_at));
    ContainerInstanceHealthStatus {
        overall_status: Some(state.clone()),
        details: Some(vec![InstanceHealthCheckResult {
            r#type: Some(InstanceHealthCheckType::AGENT_CONNECTIVITY),
            status: Some(state),
            last_updated: changed_at,
            last_status_change: changed_at,
            ..InstanceHealthCheckResult::default()
        }]),
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
