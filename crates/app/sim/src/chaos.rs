//! What goes wrong, each kind in its own time.

use std::sync::Arc;
use std::time::Duration;

use api_ecs::types::ContainerInstanceStatus;
use tokio::task::JoinHandle;

use crate::{
    lot::Lot,
    node::{agent, machine::Machine},
    workload::{operator, placing::ZONES},
    world::{World, lock},
};

/// Starts every kind that the profile has; each ends soon after the unrest.
pub fn start(world: &Arc<World>) -> Vec<JoinHandle<()>> {
    let profile = &world.profile;
    let kinds = [
        (Kind::ServerKill, profile.server_kills),
        (Kind::SessionCut, profile.session_cuts),
        (Kind::AgentRestart, profile.agent_restarts),
        (Kind::Reboot, profile.reboots),
        (Kind::NodeLoss, profile.node_losses),
        (Kind::Partition, profile.partitions),
        (Kind::FullDisk, profile.full_disks),
        (Kind::Drain, profile.drains),
        (Kind::SpotInterruption, profile.spot_interruptions),
        (Kind::ZoneLoss, profile.zone_losses),
        (Kind::GroupScaling, profile.group_scaling),
    ];
    let started = kinds
        .into_iter()
        .enumerate()
        .filter_map(|(number, (kind, mean))| {
            let lot = world.lot(50 + number as u64);
            let happening = happen(Arc::clone(world), kind, mean?, lot);
            Some(world.clock.spawn("chaos", happening))
        });
    let mut started: Vec<_> = started.collect();
    if profile.step_kills > 0 {
        let killing = kill_at_steps(Arc::clone(world), profile.step_kills, world.lot(90));
        started.push(world.clock.spawn("chaos", killing));
    }
    started
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    ServerKill,
    SessionCut,
    AgentRestart,
    Reboot,
    NodeLoss,
    Partition,
    FullDisk,
    Drain,
    SpotInterruption,
    ZoneLoss,
    GroupScaling,
}

async fn happen(world: Arc<World>, kind: Kind, mean: Duration, lot: Lot) {
    while world.pause(lot.duration(Duration::ZERO, 2 * mean)).await {
        let machines = world.machines();
        let machine = lot.pick(&machines);
        match (kind, machine) {
            (Kind::ServerKill, _) => kill_server(&world, &lot).await,
            (Kind::FullDisk, _) => fill_disk(&world, &lot).await,
            (Kind::ZoneLoss, _) => lose_zone(&world, &lot).await,
            (Kind::GroupScaling, _) => operator::scale_group(&world, &lot),
            (Kind::SessionCut, Some(machine)) => {
                world
                    .trace
                    .note(format_args!("chaos: sessions of {} are cut", machine.id));
                world.network.cut(&machine.id);
            }
            (Kind::AgentRestart, Some(machine)) => restart_agent(&world, &lot, machine).await,
            (Kind::Reboot, Some(machine)) => reboot(&world, &lot, machine).await,
            (Kind::NodeLoss, Some(machine)) => lose(&world, &lot, machine).await,
            (Kind::Partition, Some(machine)) => {
                world
                    .trace
                    .note(format_args!("chaos: {} is cut off", machine.id));
                world.network.darken(&machine.id, true);
                world.pause(lot.seconds(1, 150)).await;
                world.network.darken(&machine.id, machine.is_lost());
                world
                    .trace
                    .note(format_args!("chaos: {} is heard again", machine.id));
            }
            (Kind::SpotInterruption, Some(machine)) => interrupt_spot(&world, machine).await,
            (Kind::Drain, Some(machine)) => drain(&world, &lot, machine).await,
            (_, None) => {}
        }
    }
}

/// The moments in which a service or its deployment goes on are those in which most is half done.
async fn kill_at_steps(world: Arc<World>, percent: u64, lot: Lot) {
    let steps = lock(&world.tables).steps();
    while world.is_unrestful() {
        let stepped = world
            .clock
            .timeout(Duration::from_secs(5), steps.notified())
            .await;
        if stepped.is_err() || !lot.percent(percent) {
            continue;
        }
        let a_moment = lot.duration(Duration::ZERO, Duration::from_millis(30));
        if world.pause(a_moment).await {
            kill_server(&world, &lot).await;
        }
    }
}

/// Nothing of a zone is heard of for a while; half of the times it has lost its power.
async fn lose_zone(world: &Arc<World>, lot: &Lot) {
    let Some(zone) = lot.pick(&ZONES) else {
        return;
    };
    let lost: Vec<Arc<Machine>> = world
        .machines()
        .into_iter()
        .filter(|machine| machine.offer.zone() == Some(*zone))
        .collect();
    let is_powerless = lot.percent(50);
    world.trace.note(format_args!(
        "chaos: {zone} is away, power {}",
        !is_powerless
    ));
    for machine in &lost {
        world.network.darken(&machine.id, true);
        if is_powerless {
            machine.stop_agent().await;
            machine.lose_containers();
        }
    }
    world.pause(lot.seconds(5, 200)).await;
    world.trace.note(format_args!("chaos: {zone} is back"));
    for machine in &lost {
        world.network.darken(&machine.id, machine.is_lost());
        if is_powerless {
            agent::start(world, machine);
        }
    }
}

/// Takes the capacity of a node back that Spot tasks run on.
async fn interrupt_spot(world: &Arc<World>, machine: &Machine) {
    let arn = machine.held().instance_arn.clone();
    let (Some(arn), true) = (arn, machine.offer.is_serverless) else {
        return;
    };
    let Some(server) = world.server() else {
        return;
    };
    world.trace.note(format_args!(
        "chaos: {} is taken back from Spot",
        machine.id
    ));
    if let Some(Ok(told)) = server.interrupt_spot(&arn).await {
        // The watch over the tables is a task of its own.
        world.clock.sleep(Duration::from_millis(1)).await;
        lock(&world.tables).check_interrupted(&told);
    }
}

async fn kill_server(world: &Arc<World>, lot: &Lot) {
    if !world.begin_restart() {
        return;
    }
    world.kill_server().await;
    let most = if lot.percent(80) { 3 } else { 100 };
    world
        .pause(lot.duration(Duration::ZERO, Duration::from_secs(most)))
        .await;
    start_server(world).await;
    world.end_restart();
}

/// Starts the server, on a disk that has room.
pub async fn start_server(world: &Arc<World>) {
    if let Err(error) = world.start_server().await {
        world
            .trace
            .note(format_args!("server: could not start: {error:#}"));
    }
}

async fn fill_disk(world: &Arc<World>, lot: &Lot) {
    world.trace.note(format_args!("chaos: the disk is full"));
    world.disk.fill(true);
    world.pause(lot.seconds(0, 30)).await;
    world.disk.fill(false);
    world.trace.note(format_args!("chaos: the disk has room"));
}

async fn restart_agent(world: &Arc<World>, lot: &Lot, machine: &Arc<Machine>) {
    world
        .trace
        .note(format_args!("chaos: the agent of {} ends", machine.id));
    machine.stop_agent().await;
    world.pause(lot.seconds(0, 20)).await;
    agent::start(world, machine);
}

async fn reboot(world: &Arc<World>, lot: &Lot, machine: &Arc<Machine>) {
    world
        .trace
        .note(format_args!("chaos: {} is rebooted", machine.id));
    world.network.darken(&machine.id, true);
    machine.stop_agent().await;
    machine.lose_containers();
    world.pause(lot.seconds(2, 60)).await;
    world.network.darken(&machine.id, false);
    agent::start(world, machine);
}

/// The machine never comes back; mostly another one takes its place.
async fn lose(world: &Arc<World>, lot: &Lot, machine: &Arc<Machine>) {
    world
        .trace
        .note(format_args!("chaos: {} is lost", machine.id));
    machine.held().is_lost = true;
    world.network.darken(&machine.id, true);
    machine.stop_agent().await;
    machine.lose_containers();
    world.pause(lot.seconds(1, 120)).await;
    if lot.percent(70) {
        operator::deregister(world, machine).await;
    }
    if lot.percent(80) {
        operator::add_machine(
            world,
            lot,
            machine.offer.is_serverless,
            operator::draw_size(lot),
        );
    }
}

async fn drain(world: &Arc<World>, lot: &Lot, machine: &Arc<Machine>) {
    if machine.offer.is_serverless {
        return;
    }
    operator::set_state(world, machine, ContainerInstanceStatus::DRAINING).await;
    world.pause(lot.seconds(1, 120)).await;
    operator::set_state(world, machine, ContainerInstanceStatus::ACTIVE).await;
}
