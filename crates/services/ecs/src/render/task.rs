//! Tasks as DescribeTasks shows them.

use api_ecs::types;
use names::Scope;

use super::{tags, timestamp};
use crate::records::{
    ContainerRecord, ElasticNetworkInterface, NetworkBinding, TaskRecord, TaskStatus,
};

/// The task; `with_tags` as `include: [TAGS]` asks (RunTask always shows them).
pub(crate) fn task(task: &TaskRecord, with_tags: bool) -> types::Task {
    let scope = Scope::new(&task.account, &task.region);
    let is_fargate = task.launch_type == "FARGATE";
    types::Task {
        attachments: Some(task.network_interface.iter().map(attachment).collect()),
        attributes: Some(attributes(task)),
        availability_zone: task.availability_zone.clone(),
        capacity_provider_name: task.capacity_provider.clone(),
        cluster_arn: Some(scope.cluster(&task.cluster)),
        connectivity: task
            .connected_at
            .filter(|_| task.last_status > TaskStatus::Provisioning)
            .map(|_| types::Connectivity::CONNECTED),
        connectivity_at: task
            .connected_at
            .filter(|_| task.last_status > TaskStatus::Provisioning)
            .map(timestamp),
        container_instance_arn: container_instance_arn(&scope, task),
        containers: Some(
            task.containers
                .iter()
                .map(|container_record| container(&scope, task, container_record))
                .collect(),
        ),
        cpu: shown_size(task.cpu_units),
        created_at: Some(timestamp(task.created_at)),
        desired_status: Some(task.desired_status.as_str().into()),
        enable_execute_command: Some(task.enable_execute_command),
        ephemeral_storage: task
            .ephemeral_storage_gib
            .map(|size| types::EphemeralStorage {
                size_in_gib: Some(size),
            }),
        execution_stopped_at: task.execution_stopped_at.map(timestamp),
        fargate_ephemeral_storage: task
            .ephemeral_storage_gib
            .filter(|_| is_fargate)
            .map(|size| types::TaskEphemeralStorage {
                size_in_gib: Some(size),
                kms_key_id: None,
            }),
        group: Some(task.group.clone()),
        health_status: Some(task.health.as_str().into()),
        inference_accelerators: Some(vec![]),
        last_status: Some(task.last_status.as_str().into()),
        launch_type: Some(task.launch_type.as_str().into()),
        memory: shown_size(task.memory_mib),
        overrides: Some(overrides(task)),
        platform_family: task.platform_version.as_ref().map(|_| "Linux".into()),
        platform_version: task.platform_version.clone(),
        pull_started_at: task.pull_started_at.map(timestamp),
        pull_stopped_at: task.pull_stopped_at.map(timestamp),
        started_at: task.started_at.map(timestamp),
        started_by: task.started_by.clone(),
        stop_code: task.stop_code.as_deref().map(types::TaskStopCode::from),
        stopped_at: task.stopped_at.map(timestamp),
        stopped_reason: task.stopped_reason.clone(),
        stopping_at: task.stopping_at.map(timestamp),
        tags: Some(if with_tags {
            tags::render(&task.tags)
        } else {
            vec![]
        }),
        task_arn: Some(task.arn()),
        task_definition_arn: Some(task.task_definition_arn()),
        trusted_execution_summary: None,
        version: Some(task.version),
    }
}

/// ARN of a task's attachment.
pub(crate) fn attachment_arn(task: &TaskRecord) -> Option<String> {
    let interface = task.network_interface.as_ref()?;
    Some(Scope::new(&task.account, &task.region).attachment(&interface.attachment_id))
}

/// The name that an address has inside its VPC.
pub(crate) fn private_dns_name(interface: &ElasticNetworkInterface) -> String {
    format!(
        "ip-{}.ec2.internal",
        interface.private_ipv4.replace('.', "-")
    )
}

/// Serverless nodes are not shown.
fn container_instance_arn(scope: &Scope, task: &TaskRecord) -> Option<String> {
    if task.launch_type == "FARGATE" {
        return None;
    }
    let (_, id) = task.container_instance_key.as_ref()?.rsplit_once('/')?;
    Some(scope.container_instance(&task.cluster, id))
}

/// A size that nothing asked for is left out.
fn shown_size(size: i64) -> Option<String> {
    (size > 0).then(|| size.to_string())
}

fn attributes(task: &TaskRecord) -> Vec<types::Attribute> {
    let architecture = task.cpu_architecture.iter();
    architecture
        .map(|value| types::Attribute {
            name: Some("ecs.cpu-architecture".into()),
            value: Some(value.clone()),
            ..Default::default()
        })
        .collect()
}

/// AWS names every container in the overrides, with or without something to override.
fn overrides(task: &TaskRecord) -> types::TaskOverride {
    let mut overrides = task.overrides.as_deref().cloned().unwrap_or_default();
    let containers = overrides.container_overrides.get_or_insert_default();
    for container in &task.containers {
        let is_there = containers
            .iter()
            .any(|known| known.name.as_deref() == Some(container.name.as_str()));
        if !is_there {
            containers.push(types::ContainerOverride {
                name: Some(container.name.clone()),
                ..Default::default()
            });
        }
    }
    overrides
        .inference_accelerator_overrides
        .get_or_insert_default();
    overrides
}

fn attachment(interface: &ElasticNetworkInterface) -> types::Attachment {
    let detail = |name: &str, value: &str| types::KeyValuePair {
        name: Some(name.into()),
        value: Some(value.into()),
    };
    let mut details = vec![detail("subnetId", &interface.subnet_id)];
    // Until the interface is there, AWS shows where it will be and nothing else.
    if interface.status != "PRECREATED" {
        details.push(detail(
            "networkInterfaceId",
            &interface.network_interface_id,
        ));
        details.push(detail("macAddress", &interface.mac_address));
        details.push(detail("privateDnsName", &private_dns_name(interface)));
        details.push(detail("privateIPv4Address", &interface.private_ipv4));
    }
    types::Attachment {
        id: Some(interface.attachment_id.clone()),
        // Seen in answers of the real service: the short word once the interface is gone.
        r#type: Some(
            match interface.status.as_str() {
                "DELETED" => "eni",
                _ => "ElasticNetworkInterface",
            }
            .into(),
        ),
        status: Some(interface.status.clone()),
        details: Some(details),
    }
}

fn container(scope: &Scope, task: &TaskRecord, record: &ContainerRecord) -> types::Container {
    let interfaces = task
        .network_interface
        .iter()
        .filter(|interface| interface.status != "PRECREATED");
    let interfaces = interfaces.map(|interface| types::NetworkInterface {
        attachment_id: Some(interface.attachment_id.clone()),
        private_ipv4_address: Some(interface.private_ipv4.clone()),
        ipv6_address: None,
    });
    types::Container {
        container_arn: Some(scope.container(&task.cluster, &task.id, &record.id)),
        cpu: Some(record.cpu_units.to_string()),
        exit_code: record.exit_code,
        gpu_ids: (!record.gpu_ids.is_empty()).then(|| record.gpu_ids.clone()),
        gpu_sharing_strategy: None,
        health_status: Some(record.health.as_str().into()),
        image: Some(record.image.clone()),
        image_digest: record.image_digest.clone(),
        last_status: Some(record.last_status.clone()),
        managed_agents: None,
        memory: record.memory_mib.map(|size| size.to_string()),
        memory_reservation: record.memory_reservation_mib.map(|size| size.to_string()),
        name: Some(record.name.clone()),
        network_bindings: Some(record.network_bindings.iter().map(binding).collect()),
        network_interfaces: Some(interfaces.collect()),
        neuron_device_ids: None,
        reason: record.reason.clone(),
        runtime_id: record.runtime_id.clone(),
        task_arn: Some(task.arn()),
    }
}

fn binding(binding: &NetworkBinding) -> types::NetworkBinding {
    types::NetworkBinding {
        bind_ip: binding.bind_ip.clone(),
        container_port: binding.container_port,
        container_port_range: binding.container_port_range.clone(),
        host_port: binding.host_port,
        host_port_range: binding.host_port_range.clone(),
        protocol: binding
            .protocol
            .as_deref()
            .map(types::TransportProtocol::from),
    }
}
