//! The operator: nodes come, drain, and are deregistered when they are gone.

use std::sync::Arc;
use std::time::Duration;

use api_ecs::{operations as op, types::*};

use super::placing::RACKS;
use crate::{
    lot::Lot,
    network::CallError,
    node::{
        agent,
        machine::{Machine, Offer},
    },
    server,
    world::World,
};

/// A few whole tasks, and a little beside them for daemons, which always find room.
const SIZES: [(i32, i32); 3] = [(1152, 2176), (2176, 4224), (4224, 16_512)];

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
    let number = world.all_machines().len();
    let offer = Offer {
        is_serverless,
        cpu_units: size.0,
        memory_mib: size.1,
        attributes: vec![("rack".into(), RACKS[number % RACKS.len()].into())],
    };
    let machine_lot = world.lot(1_000 + number as u64 + (lot.number() << 16));
    let machine = Machine::new(format!("node-{number}"), offer, machine_lot);
    world.add_machine(Arc::clone(&machine));
    agent::start(world, &machine);
}

/// Says that a machine is gone for good; again until there is an answer.
pub async fn deregister(world: &Arc<World>, machine: &Machine) {
    let Some(arn) = machine.held().instance_arn.clone() else {
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
