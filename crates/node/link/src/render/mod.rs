//! From a task definition and its overrides to the payload that a node runs: pure.
//!
//! Amazon's agent takes nearly every container setting as Docker Engine API JSON that the control plane has written
//! (agent protocol §0.8), so the translation lives here and not in the agent.

mod container;
mod image;
mod volume;

use std::collections::BTreeMap;

use api_ecs::types::{ContainerDefinition, ContainerOverride, TaskDefinition, TaskOverride};

use crate::acs;

const FARGATE: &str = "FARGATE";

/// Everything a payload's task is made of.
#[derive(Debug, Clone)]
pub struct TaskRenderInput<'a> {
    pub definition: &'a TaskDefinition,
    pub overrides: Option<&'a TaskOverride>,
    pub account: &'a str,
    pub region: &'a str,
    pub task_arn: &'a str,
    pub cluster_arn: &'a str,
    /// [`acs::DESIRED_RUNNING`] or [`acs::DESIRED_STOPPED`].
    pub desired_status: &'a str,
    /// `FARGATE`, `EC2` or `EXTERNAL`.
    pub launch_type: &'a str,
    pub group: Option<&'a str>,
    pub service_name: Option<&'a str>,
    /// By container name.
    pub container_arns: &'a BTreeMap<String, String>,
    /// What images are pinned to, by container name; of a deployment's tasks.
    pub image_digests: &'a BTreeMap<String, String>,
    /// `mode` of a log driver whose configuration says none.
    pub default_log_mode: Option<&'a str>,
    /// GPUs of this node, by the name of the container that has them.
    pub gpu_ids: &'a BTreeMap<&'a str, &'a [String]>,
    /// Of an awsvpc task.
    pub network_interface: Option<NetworkInterface<'a>>,
}

/// The interface that a task is reached by.
#[derive(Debug, Clone, Copy)]
pub struct NetworkInterface<'a> {
    pub attachment_arn: &'a str,
    /// `eni-…`.
    pub id: &'a str,
    pub mac_address: &'a str,
    pub private_ipv4: &'a str,
    /// Address and prefix length, as in `172.31.0.1/20`.
    pub subnet_gateway_ipv4: &'a str,
    pub private_dns_name: Option<&'a str>,
    /// Empty: the node's own.
    pub domain_name_servers: &'a [String],
}

/// The task as ACS carries it.
pub fn render_task(input: &TaskRenderInput<'_>) -> acs::Task {
    let definition = input.definition;
    let text = |value: &str| Some(value.to_owned());
    let overridden = |of: fn(&TaskOverride) -> &Option<String>| {
        input.overrides.and_then(|all| of(all).as_deref())
    };
    let cpu = overridden(|all| &all.cpu).or(definition.cpu.as_deref());
    let memory = overridden(|all| &all.memory).or(definition.memory.as_deref());
    acs::Task {
        arn: text(input.task_arn),
        task_cluster_arn: text(input.cluster_arn),
        task_definition_account_id: text(input.account),
        family: definition.family.clone(),
        version: definition.revision.map(|revision| revision.to_string()),
        desired_status: text(input.desired_status),
        launch_type: text(input.launch_type),
        group: input.group.map(str::to_owned),
        service_name: input.service_name.map(str::to_owned),
        network_mode: definition.network_mode.as_ref().map(ToString::to_string),
        pid_mode: definition.pid_mode.as_ref().map(ToString::to_string),
        ipc_mode: definition.ipc_mode.as_ref().map(ToString::to_string),
        cpu: cpu.and_then(cpu_units).map(|units| units / 1024.0),
        memory: memory.and_then(memory_mib),
        enable_fault_injection: definition.enable_fault_injection,
        ephemeral_storage_size: ephemeral_storage(input),
        elastic_network_interfaces: input
            .network_interface
            .iter()
            .map(elastic_network_interface)
            .collect(),
        associations: gpu_associations(input),
        volumes: definition
            .volumes
            .iter()
            .flatten()
            .map(volume::render)
            .collect(),
        proxy_configuration: definition.proxy_configuration.as_ref().map(|proxy| {
            acs::ProxyConfiguration {
                kind: proxy.r#type.as_ref().map(ToString::to_string),
                container_name: proxy.container_name.clone(),
                properties: container::pairs(&proxy.properties),
            }
        }),
        containers: definition
            .container_definitions
            .iter()
            .flatten()
            .map(|definition| container::render(input, definition, override_of(input, definition)))
            .collect(),
        ..Default::default()
    }
}

/// One a GPU, as Amazon's agent reads them.
fn gpu_associations(input: &TaskRenderInput<'_>) -> Vec<acs::Association> {
    let of_container = |(name, ids): (&&str, &&[String])| {
        let name = (*name).to_owned();
        let associations = ids.iter().map(move |id| acs::Association {
            name: Some(id.clone()),
            kind: Some(acs::GPU_ASSOCIATION.to_owned()),
            content: None,
            containers: vec![name.clone()],
        });
        associations.collect::<Vec<_>>()
    };
    input.gpu_ids.iter().flat_map(of_container).collect()
}

/// Container instances have what their disks have, as at AWS.
fn ephemeral_storage(input: &TaskRenderInput<'_>) -> Option<i32> {
    let overridden = input
        .overrides
        .and_then(|all| all.ephemeral_storage.as_ref());
    let asked = overridden.or(input.definition.ephemeral_storage.as_ref());
    asked
        .filter(|_| input.launch_type == FARGATE)
        .and_then(|storage| storage.size_in_gib)
}

/// CPU units of a task-level `cpu`: `256`, `0.25 vCPU` or `.25 vcpu`.
pub fn cpu_units(text: &str) -> Option<f64> {
    quantity(text, "vcpu", 1024.0)
}

/// Mebibytes of a task-level `memory`: `512` or `0.5 GB`.
pub fn memory_mib(text: &str) -> Option<i32> {
    quantity(text, "gb", 1024.0).map(|mib| mib as i32)
}

fn quantity(text: &str, unit: &str, units_each: f64) -> Option<f64> {
    let lower = text.trim().to_ascii_lowercase();
    let (digits, factor) = match lower.strip_suffix(unit) {
        Some(digits) => (digits.trim_end(), units_each),
        None => (lower.as_str(), 1.0),
    };
    digits
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite() && *value > 0.0)
        .map(|value| value * factor)
}

fn override_of<'a>(
    input: &TaskRenderInput<'a>,
    definition: &ContainerDefinition,
) -> Option<&'a ContainerOverride> {
    let overrides = input.overrides?.container_overrides.as_deref()?;
    overrides
        .iter()
        .find(|candidate| candidate.name == definition.name)
}

fn elastic_network_interface(interface: &NetworkInterface<'_>) -> acs::ElasticNetworkInterface {
    let text = |value: &str| Some(value.to_owned());
    acs::ElasticNetworkInterface {
        attachment_arn: text(interface.attachment_arn),
        ec2_id: text(interface.id),
        index: Some(0),
        interface_association_protocol: text("default"),
        mac_address: text(interface.mac_address),
        ipv4_addresses: vec![acs::Ipv4AddressAssignment {
            private_address: text(interface.private_ipv4),
            primary: Some(true),
        }],
        subnet_gateway_ipv4_address: text(interface.subnet_gateway_ipv4),
        private_dns_name: interface.private_dns_name.map(str::to_owned),
        domain_name_servers: interface.domain_name_servers.to_vec(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
