//! Gives a task its node, its address and its network interface, in the transaction that decides it.

use std::{collections::BTreeSet, net::Ipv4Addr};

use api_ecs::types::AssignPublicIp;
use clock::Clock;
use ecs_rules::gpu;
use state::{Head, StateError, Tx};

use crate::records::{
    AddressRecord, ContainerInstanceRecord, ElasticNetworkInterface, SubnetRecord, TaskRecord,
    TaskStatus,
};

/// Why a network interface could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssignError {
    #[error("The subnet '{0}' has no free addresses.")]
    NoFreeAddress(String),
    #[error("The subnet '{0}' does not exist.")]
    NoSubnet(String),
    #[error(transparent)]
    State(#[from] StateError),
}

/// Puts the task on the node. The caller writes the task's record; addresses are written here.
pub(crate) fn to_node(
    head: &Head,
    task: &mut TaskRecord,
    node: &ContainerInstanceRecord,
    clock: &Clock,
) {
    give_gpus(head, task, node);
    task.container_instance_key = Some(state::Record::key(node));
    task.availability_zone = Some(node.availability_zone.clone());
    task.cpu_architecture = node
        .attributes
        .iter()
        .find(|attribute| attribute.name == "ecs.cpu-architecture")
        .and_then(|attribute| attribute.value.clone());
    task.connected_at = Some(clock.now());
}

/// The GPUs of a node that its tasks have.
pub(crate) fn held_gpus(head: &Head, container_instance_key: &str) -> BTreeSet<String> {
    let tasks = head.index::<TaskRecord>("by_container_instance", container_instance_key);
    let living = tasks
        .iter()
        .filter(|task| task.last_status != TaskStatus::Stopped);
    let containers = living.flat_map(|task| &task.containers);
    containers
        .flat_map(|container| container.gpu_ids.iter().cloned())
        .collect()
}

fn give_gpus(head: &Head, task: &mut TaskRecord, node: &ContainerInstanceRecord) {
    if task.gpus() == 0 {
        return;
    }
    let held = held_gpus(head, &state::Record::key(node));
    let held = held.iter().map(String::as_str).collect();
    let containers = task.containers.iter();
    let wanted: Vec<usize> = containers.map(|container| container.gpus).collect();
    let given = gpu::assign(&wanted, &node.gpu_ids, &held)
        .expect("placement counts the GPUs that are held, and those are other ones each");
    for (container, ids) in task.containers.iter_mut().zip(given) {
        container.gpu_ids = ids;
    }
}

/// Makes the network interface of an awsvpc task: an address of the first of its subnets that has one free.
pub(crate) fn network_interface(
    tx: &mut Tx<'_>,
    task: &TaskRecord,
    clock: &Clock,
) -> Result<ElasticNetworkInterface, AssignError> {
    let configuration = task
        .network_configuration
        .as_ref()
        .and_then(|configuration| configuration.awsvpc_configuration.as_ref());
    let subnets = configuration
        .and_then(|configuration| configuration.subnets.clone())
        .unwrap_or_default();
    let mut refusal = AssignError::NoSubnet(String::new());
    for id in &subnets {
        let key = SubnetRecord::key_of(&task.account, &task.region, id);
        let Some(subnet) = tx.get::<SubnetRecord>(&key) else {
            refusal = AssignError::NoSubnet(id.clone());
            continue;
        };
        let Some(address) = free_address(tx, &subnet, clock.random_u64()) else {
            refusal = AssignError::NoFreeAddress(id.clone());
            continue;
        };
        tx.insert(AddressRecord {
            account: task.account.clone(),
            region: task.region.clone(),
            subnet_id: id.clone(),
            ipv4: address.to_string(),
            task_key: state::Record::key(task),
        })?;
        let groups = configuration.and_then(|configuration| configuration.security_groups.clone());
        let public = configuration.and_then(|configuration| configuration.assign_public_ip.clone());
        return Ok(ElasticNetworkInterface {
            attachment_id: names::attachment_id(clock),
            network_interface_id: names::eni_id(clock),
            subnet_id: id.clone(),
            private_ipv4: address.to_string(),
            mac_address: mac_address(clock),
            security_groups: groups
                .filter(|groups| !groups.is_empty())
                .unwrap_or_else(|| vec![subnet.default_security_group.clone()]),
            assign_public_ip: public == Some(AssignPublicIp::ENABLED),
            status: "PRECREATED".into(),
        });
    }
    Err(refusal)
}

/// Gives the address back. To be called in the transaction that makes the task STOPPED, and only there.
pub(crate) fn release(tx: &mut Tx<'_>, task: &TaskRecord) {
    if let Some(interface) = &task.network_interface {
        tx.delete::<AddressRecord>(&AddressRecord::key_of(
            &task.account,
            &task.region,
            &interface.subnet_id,
            &interface.private_ipv4,
        ));
    }
}

fn free_address(tx: &Tx<'_>, subnet: &SubnetRecord, draw: u64) -> Option<Ipv4Addr> {
    vpc::free_address(&subnet.cidr, draw, |address| {
        tx.contains::<AddressRecord>(&AddressRecord::key_of(
            &subnet.account,
            &subnet.region,
            &subnet.id,
            &address.to_string(),
        ))
    })
}

/// A locally administered unicast address, `0a:…` as EC2's are.
fn mac_address(clock: &Clock) -> String {
    let mut bytes = [0; 5];
    clock.fill_random(&mut bytes);
    let [a, b, c, d, e] = bytes;
    format!("0a:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}")
}
