//! A task's record → what its node is told.

use std::collections::BTreeMap;

use link::{
    acs,
    render::{NetworkInterface, TaskRenderInput, render_task},
};
use names::Scope;
use state::Head;

use crate::{
    account_settings, image_pins,
    records::{SubnetRecord, TaskDefinitionRecord, TaskRecord},
    render,
};

/// The payload's task; `None` only if its definition is gone, which nothing deletes while tasks of it live.
pub(super) fn task(head: &Head, task: &TaskRecord) -> Option<acs::Task> {
    let key =
        TaskDefinitionRecord::key_of(&task.account, &task.region, &task.family, task.revision);
    let definition = head.get::<TaskDefinitionRecord>(&key)?;
    let scope = Scope::new(&task.account, &task.region);
    let container_arns: BTreeMap<String, String> = task
        .containers
        .iter()
        .map(|container| {
            let arn = scope.container(&task.cluster, &task.id, &container.id);
            (container.name.clone(), arn)
        })
        .collect();
    let attachment_arn = render::task::attachment_arn(task).unwrap_or_default();
    let gateway = gateway(head, task).unwrap_or_default();
    let private_dns_name = task
        .network_interface
        .as_ref()
        .map(render::task::private_dns_name);
    let network_interface = task
        .network_interface
        .as_ref()
        .map(|interface| NetworkInterface {
            attachment_arn: &attachment_arn,
            id: &interface.network_interface_id,
            mac_address: &interface.mac_address,
            private_ipv4: &interface.private_ipv4,
            subnet_gateway_ipv4: &gateway,
            private_dns_name: private_dns_name.as_deref(),
            domain_name_servers: &[],
        });
    let log_mode = account_settings::default_log_driver_mode(head, &task.account, &task.region);
    Some(render_task(&TaskRenderInput {
        definition: &definition.definition,
        overrides: task.overrides.as_deref(),
        account: &task.account,
        region: &task.region,
        task_arn: &task.arn(),
        cluster_arn: &scope.cluster(&task.cluster),
        desired_status: task.desired_status.as_str(),
        launch_type: &task.launch_type,
        group: Some(&task.group),
        service_name: task.service.as_deref(),
        container_arns: &container_arns,
        image_digests: &image_pins::of(head, task),
        default_log_mode: Some(&log_mode),
        network_interface,
    }))
}

/// The subnet's first address, with the subnet's prefix length.
fn gateway(head: &Head, task: &TaskRecord) -> Option<String> {
    let interface = task.network_interface.as_ref()?;
    let key = SubnetRecord::key_of(&task.account, &task.region, &interface.subnet_id);
    vpc::gateway(&head.get::<SubnetRecord>(&key)?.cidr)
}
