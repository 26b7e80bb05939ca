//! The operator: nodes come, drain, and are deregistered when they are gone.

use std::sync::Arc;
use std::time::Duration;

use api_ecs::{operations as op, types::*};
use service_ecs::records::ContainerInstanceRecord;

use super::placing::{GROUP, RACKS, ZONES};
use crate::{
    lot::Lot,
    network::CallError,
    node::{
        agent,
        machine::{Machine, Offer},
    },
    server,
    world::{World, lock},
};

/// Names the capacity provider that a container instance belongs to.
pub const PROVIDER_ATTRIBUTE: &str = "gantry.capacity-provider";
/// A few whole tasks, and a little beside them for daemons, which always find room.
const SIZES: [(i32, i32); 3] = [(1216, 2240), (2240, 4288), (4288, 16_576)];
/// An Auto Scaling group has so many machines at most, beside those that others added.
const GROUP_MOST: usize = 8;

/// The machines of the start.
pub fn add_first_machines(world: &Arc<World>, lot: &Lot) {
    for _ in 0..world.profile.serverless_nodes {
        add_machine(world, lot, true, draw_size(lot));
    }
    for _ in 0..world.profile.container_instances {
        add_machine(world, lot, false, draw_size(lot));
    }
}

pub fn draw_size(lot: &Lot) -> (i32, i32) {
    *lot.pick(&SIZES).unwrap_or(&SIZES[0])
}

/// A new machine, whose agent starts now.
pub fn add_machine(world: &Arc<World>, lot: &Lot, is_serverless: bool, size: (i32, i32)) {
    let is_of_group = world.profile.features.groups && !is_serverless && lot.percent(50);
    add(world, lot, is_serverless, is_of_group, size);
}

/// A container instance of the capacity provider.
pub fn add_to_group(world: &Arc<World>, lot: &Lot, size: (i32, i32)) {
    add(world, lot, false, true, size);
}

/// What an Auto Scaling group with managed scaling does: another machine, when tasks wait for one.
pub fn scale_group(world: &Arc<World>, lot: &Lot) {
    let machines = world.machines();
    let group = machines
        .iter()
        .filter(|machine| machine.offer.attribute(PROVIDER_ATTRIBUTE).is_some());
    let waits = lock(&world.tables).waits_for_group();
    if waits && group.count() < GROUP_MOST {
        world.trace.note(format_args!("operator: the group grows"));
        add_to_group(world, lot, draw_size(lot));
    }
}

fn add(world: &Arc<World>, lot: &Lot, is_serverless: bool, is_of_group: bool, size: (i32, i32)) {
    let number = world.all_machines().len();
    let mut attributes = vec![("rack".into(), RACKS[number % RACKS.len()].into())];
    if world.profile.features.zones {
        // Not in step with the racks.
        let zone = ZONES[(number + number / ZONES.len()) % ZONES.len()];
        attributes.push(("ecs.availability-zone".into(), zone.into()));
    }
    if is_of_group {
        attributes.push((PROVIDER_ATTRIBUTE.into(), GROUP.into()));
    }
    let offer = Offer {
        is_serverless,
        cpu_units: size.0,
        memory_mib: size.1,
        attributes,
    };
    let machine_lot = world.lot(1_000 + number as u64 + (lot.number() << 16));
    let machine = Machine::new(format!("node-{number}"), offer, machine_lot);
    world.add_machine(Arc::clone(&machine));
    agent::start(world, &machine);
}

/// Says that a machine is gone for good; again until there is an answer.
pub async fn deregister(world: &Arc<World>, machine: &Machine) {
    let known = machine.held().instance_arn.clone();
    let Some(arn) = known.or_else(|| listed(world, machine)) else {
        return;
    };
    let request = DeregisterContainerInstanceRequest {
        container_instance: Some(arn),
        force: Some(true),
        ..DeregisterContainerInstanceRequest::default()
    };
    // Serverless nodes are no user's: each has its own key, with which the operator speaks for it.
    let caller = if machine.offer.is_serverless {
        server::node(&machine.id)
    } else {
        server::root()
    };
    loop {
        let answer = match world.server() {
            Some(server) => {
                server
                    .handle::<op::DeregisterContainerInstance>(caller.clone(), request.clone())
                    .await
            }
            None => None,
        };
        match answer {
            Some(Ok(_)) => {
                world
                    .trace
                    .note(format_args!("operator: deregistered {}", machine.id));
                return;
            }
            // It was already.
            Some(Err(error)) if error.status < 500 => {
                world.trace.note(format_args!(
                    "operator: {} is not to be deregistered: {}",
                    machine.id, error.message
                ));
                return;
            }
            _ => world.clock.sleep(Duration::from_secs(1)).await,
        }
    }
}

/// As a list would show it: of a machine that never heard the answer to its registration.
fn listed(world: &Arc<World>, machine: &Machine) -> Option<String> {
    let server = world.server()?;
    let found = server.store.read(|head| {
        let mut nodes = head.scan::<ContainerInstanceRecord>("");
        nodes.find_map(|node| (node.node_id == machine.id).then(|| node.arn()))
    });
    found.head()
}

/// Lets a container instance drain, or takes that back. True once it is done.
pub async fn set_state(
    world: &Arc<World>,
    machine: &Machine,
    status: ContainerInstanceStatus,
) -> bool {
    let Some(arn) = machine.held().instance_arn.clone() else {
        return true;
    };
    world.trace.note(format_args!(
        "operator: {} shall be {}",
        machine.id,
        status.as_str()
    ));
    let request = UpdateContainerInstancesStateRequest {
        container_instances: Some(vec![arn]),
        status: Some(status),
        ..UpdateContainerInstancesStateRequest::default()
    };
    let answer = world
        .call::<op::UpdateContainerInstancesState>(&server::root(), request)
        .await;
    !matches!(answer, Err(CallError::Unknown))
}
