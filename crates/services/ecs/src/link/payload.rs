//! A task's record → what its node is told.

use std::{collections::BTreeMap, sync::Arc};

use link::{
    acs,
    render::{NetworkInterface, TaskRenderInput, render_task},
};
use names::Scope;
use state::Head;

use super::credentials::Roles;
use crate::{
    account_settings, image_pins,
    records::{SubnetRecord, TaskDefinitionRecord, TaskRecord},
    render,
};

/// What a payload's task is made of, taken from the tables.
pub(super) struct Gathered {
    task: Arc<TaskRecord>,
    definition: Arc<TaskDefinitionRecord>,
    subnet: Option<Arc<SubnetRecord>>,
    image_digests: BTreeMap<String, String>,
    log_mode: String,
}

/// `None` only if the task's definition is gone, which nothing deletes while tasks of it live.
pub(super) fn gather(head: &Head, task: &Arc<TaskRecord>) -> Option<Gathered> {
    let key =
        TaskDefinitionRecord::key_of(&task.account, &task.region, &task.family, task.revision);
    let subnet = task.network_interface.as_ref().and_then(|interface| {
        let id = &interface.subnet_id;
        head.get::<SubnetRecord>(&SubnetRecord::key_of(&task.account, &task.region, id))
    });
    Some(Gathered {
        task: Arc::clone(task),
        definition: head.get::<TaskDefinitionRecord>(&key)?,
        subnet,
        image_digests: image_pins::of(head, task),
        log_mode: account_settings::default_log_driver_mode(head, &task.account, &task.region),
    })
}

impl Gathered {
    pub fn task(&self) -> &TaskRecord {
        &self.task
    }

    /// Those of the task's overrides go before those of its definition.
    pub fn roles(&self) -> Roles {
        let definition = &self.definition.definition;
        let overrides = self.task.overrides.as_deref();
        let named = |own: &Option<String>, overriding: Option<&Option<String>>| {
            let role = overriding.and_then(Option::as_ref).or(own.as_ref());
            role.filter(|role| !role.is_empty()).cloned()
        };
        Roles {
            task: named(
                &definition.task_role_arn,
                overrides.map(|it| &it.task_role_arn),
            ),
            execution: named(
                &definition.execution_role_arn,
                overrides.map(|it| &it.execution_role_arn),
            ),
        }
    }

    pub fn render(&self) -> acs::Task {
        let task = &*self.task;
        let scope = Scope::new(&task.account, &task.region);
        let container_arns: BTreeMap<String, String> = task
            .containers
            .iter()
            .map(|container| {
                let arn = scope.container(&task.cluster, &task.id, &container.id);
                (container.name.clone(), arn)
            })
            .collect();
        let gpu_ids: BTreeMap<&str, &[String]> = task
            .containers
            .iter()
            .map(|container| (container.name.as_str(), container.gpu_ids.as_slice()))
            .collect();
        let attachment_arn = render::task::attachment_arn(task).unwrap_or_default();
        let gateway = self.subnet.as_ref().and_then(|it| vpc::gateway(&it.cidr));
        let gateway = gateway.unwrap_or_default();
        let interface = task.network_interface.as_ref();
        let private_dns_name = interface.map(render::task::private_dns_name);
        let network_interface = interface.map(|interface| NetworkInterface {
            attachment_arn: &attachment_arn,
            id: &interface.network_interface_id,
            mac_address: &interface.mac_address,
            private_ipv4: &interface.private_ipv4,
            subnet_gateway_ipv4: &gateway,
            private_dns_name: private_dns_name.as_deref(),
            domain_name_servers: &[],
        });
        render_task(&TaskRenderInput {
            definition: &self.definition.definition,
            overrides: task.overrides.as_deref(),
            account: &task.account,
            region: &task.region,
            task_arn: &task.arn(),
            cluster_arn: &scope.cluster(&task.cluster),
            desired_status: task.desired_status.as_str(),
            launch_type: &task.launch_type,
            group: Some(&task.group),
            service_name: task.service.as_deref().filter(|_| !task.is_of_daemon()),
            container_arns: &container_arns,
            image_digests: &self.image_digests,
            default_log_mode: Some(&self.log_mode),
            gpu_ids: &gpu_ids,
            network_interface,
        })
    }
}
