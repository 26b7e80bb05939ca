//! The end of a run: faults stop, clients ask for what can be, and within bounded time everything must be so, on the
//! tables and on the nodes alike.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use api_ecs::types::{ContainerInstanceStatus, UpdateServiceRequest};
use service_ecs::records::{DesiredStatus, HealthStatus, TaskStatus};

use crate::{
    chaos,
    node::agent,
    workload::{
        behaviour::Behaviour,
        client::Client,
        definitions::Kind,
        deployments, operator,
        placing::{RACKS, ZONES},
        services::{self, Service},
        task_sets,
    },
    world::{World, lock},
};

/// Longer than any pause that the scheduler makes.
const PATIENCE: Duration = Duration::from_secs(3600);
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// For so long nothing may change once all is well.
const QUIET: Duration = Duration::from_secs(200);
/// Room for everything that is asked for, twice.
const BIG: (i32, i32) = (32_768, 65_536);
const NEW_CONTAINER_INSTANCES: usize = 4;
const DESIRED_AT_REST: u64 = 2;
/// A port of the host is one a node.
const DESIRED_AT_REST_OF_PORTS: u64 = 1;

/// Brings the world to rest and checks it.
pub async fn come_to_rest(world: &Arc<World>, clients: &mut [Client]) {
    world.trace.note(format_args!("rest: faults end"));
    heal(world, clients).await;
    for client in clients.iter_mut() {
        ask_for_what_can_be(world, client).await;
        while !client.settle_daemon().await {
            world.clock.sleep(LOOK_EVERY).await;
        }
    }
    stop_single_tasks(world, clients).await;
    if !wait_for_rest(world, clients).await {
        return;
    }
    stay_quiet(world).await;
    if let Some(difference) = differing_nodes(world) {
        world.trace.violated(format_args!("{difference}"));
    }
    if world.lot(41).percent(25) {
        check_told(world, clients).await;
    }
    check_asked(world);
    check_left_over(world);
    world.kill_server().await;
    chaos::start_server(world).await;
    check_told(world, clients).await;
}

async fn heal(world: &Arc<World>, clients: &[Client]) {
    if world.server().is_none() {
        chaos::start_server(world).await;
    }
    for machine in world.all_machines() {
        if machine.is_lost() {
            operator::deregister(world, &machine).await;
            continue;
        }
        agent::start(world, &machine);
        if !machine.offer.is_serverless {
            while !operator::set_state(world, &machine, ContainerInstanceStatus::ACTIVE).await {
                world.clock.sleep(LOOK_EVERY).await;
            }
        }
    }
    let (lot, features) = (world.lot(40), &world.profile.features);
    // One in each zone, where there are several.
    let serverless = if features.zones { ZONES.len() } else { 1 };
    for _ in 0..serverless {
        operator::add_machine(world, &lot, true, BIG);
    }
    if world.profile.container_instances > 0 {
        let services = clients.iter().flat_map(|client| client.services.values());
        let with_ports = services.filter(|service| is_one_a_node(service));
        for _ in 0..NEW_CONTAINER_INSTANCES + 2 * with_ports.count() {
            operator::add_machine(world, &lot, false, BIG);
        }
    }
    if features.groups {
        // One in each rack.
        for _ in RACKS {
            operator::add_to_group(world, &lot, BIG);
        }
    }
}

/// Every service that is there gets a definition whose tasks run.
async fn ask_for_what_can_be(world: &Arc<World>, client: &mut Client) {
    let names: Vec<String> = client.services.keys().cloned().collect();
    for name in names {
        while let Some(service) = client.services.get(&name).cloned() {
            if client.look_at_service(&name).await.is_none() {
                world.clock.sleep(LOOK_EVERY).await;
                continue;
            }
            if service.task_sets.is_some() && !client.settle_task_sets(&name).await {
                world.clock.sleep(LOOK_EVERY).await;
                continue;
            }
            // Some percentages let a deployment of few tasks neither start nor stop one, as on AWS.
            let is_daemon = service.kind == Kind::Daemon;
            let mut configuration = match is_daemon {
                true => services::percentages(0, 100),
                false => services::percentages(100, 200),
            };
            if !service.is_plain {
                configuration = deployments::without_surprises(configuration);
            }
            let mut request = UpdateServiceRequest {
                service: Some(name.clone()),
                deployment_configuration: Some(configuration),
                // What failed, or was stopped, starts nothing more.
                force_new_deployment: (!service.is_plain).then_some(true),
                ..UpdateServiceRequest::default()
            };
            let (mut desired, mut behaviour) = (None, None);
            // One with good tasks may go on: what it was doing has to end well by itself.
            let has_port = is_one_a_node(&service);
            let must_change = !service.behaviour.is_good() || has_port || !service.is_plain;
            if service.task_sets.is_some() {
                desired = Some(if has_port {
                    DESIRED_AT_REST_OF_PORTS
                } else {
                    DESIRED_AT_REST
                });
                request.desired_count = desired.and_then(|count| i32::try_from(count).ok());
            } else if must_change || client.lot.percent(50) {
                let count = if has_port {
                    DESIRED_AT_REST_OF_PORTS
                } else {
                    DESIRED_AT_REST
                };
                behaviour = Some(Behaviour::Stable);
                desired = Some(count).filter(|_| !is_daemon);
                request.task_definition = Some(service.kind.family(Behaviour::Stable));
                request.desired_count = desired.and_then(|count| i32::try_from(count).ok());
            }
            if client.ask_update(&name, request, desired, behaviour).await {
                break;
            }
            world.clock.sleep(LOOK_EVERY).await;
        }
    }
}

/// A port of the host, or distinctInstance.
fn is_one_a_node(service: &Service) -> bool {
    matches!(service.kind, Kind::FixedPort(_)) || service.is_distinct
}

async fn stop_single_tasks(world: &Arc<World>, clients: &[Client]) {
    let Some(client) = clients.first() else {
        return;
    };
    let single: Vec<String> = {
        let tables = lock(&world.tables);
        let tasks = tables.tasks();
        let single = tasks
            .filter(|task| task.service.is_none() && task.desired_status == DesiredStatus::Running);
        single.map(|task| task.arn()).collect()
    };
    for arn in single {
        while !client.ask_stop(&arn).await {
            world.clock.sleep(LOOK_EVERY).await;
        }
    }
}

/// False if it never comes.
async fn wait_for_rest(world: &Arc<World>, clients: &mut [Client]) -> bool {
    let give_up = world.clock.now() + PATIENCE;
    loop {
        let mut waits = vec![];
        for client in clients.iter_mut() {
            waits.extend(unfinished(client).await);
        }
        waits.extend(restless_tasks(world));
        waits.extend(machines_away(world));
        // A report may still be on its way: one that was lost is made again.
        waits.extend(differing_nodes(world));
        if waits.is_empty() {
            let tables = lock(&world.tables);
            waits.extend(tables.left_over());
            waits.extend(tables.uneven());
        }
        if waits.is_empty() {
            world.trace.note(format_args!("rest: all is as asked"));
            return true;
        }
        if world.clock.now() >= give_up {
            world
                .trace
                .violated(format_args!("no rest: {}", waits.join("; ")));
            return false;
        }
        world.clock.sleep(LOOK_EVERY).await;
    }
}

async fn unfinished(client: &mut Client) -> Vec<String> {
    let names: Vec<String> = client.services.keys().cloned().collect();
    let mut waits = vec![];
    for name in names {
        let Some(shown) = client.look_at_service(&name).await else {
            waits.push(format!("service {name} is not shown"));
            continue;
        };
        if shown.task_sets.is_some() {
            let unsettled = task_sets::unsettled(&shown);
            waits.extend(
                unsettled
                    .iter()
                    .map(|what| format!("service {name}: {what}")),
            );
            continue;
        }
        let deployments = shown.deployments.unwrap_or_default();
        let states: Vec<&str> = deployments
            .iter()
            .map(|deployment| {
                deployment
                    .rollout_state
                    .as_ref()
                    .map_or("", |state| state.as_str())
            })
            .collect();
        let is_done = shown.running_count == shown.desired_count
            && shown.pending_count == Some(0)
            && states == ["COMPLETED"];
        if !is_done {
            let events = shown.events.unwrap_or_default();
            let event = events.first().and_then(|event| event.message.clone());
            waits.push(format!(
                "service {name} has {:?} running and {:?} pending of {:?}, deployments {states:?}, last event {event:?}",
                shown.running_count, shown.pending_count, shown.desired_count
            ));
        }
    }
    waits
}

/// A daemon starts on a node when its agent is back.
fn machines_away(world: &World) -> Vec<String> {
    let machines = world.machines();
    let away = machines
        .iter()
        .filter(|machine| !machine.held().is_connected);
    away.map(|machine| format!("{} is not connected", machine.id))
        .collect()
}

fn restless_tasks(world: &World) -> Vec<String> {
    let tables = lock(&world.tables);
    let restless = tables.tasks().filter(|task| {
        let is_checked = task.containers.iter().any(|each| each.has_health_check);
        let is_health_known = !is_checked || task.health != HealthStatus::Unknown;
        let is_settled = task.last_status == TaskStatus::Stopped
            || (task.last_status == TaskStatus::Running
                && task.desired_status == DesiredStatus::Running
                && is_health_known);
        !is_settled
    });
    let restless = restless.map(|task| {
        format!(
            "task {} is {} ({}) and shall be {}",
            task.id,
            task.last_status.as_str(),
            task.health.as_str(),
            task.desired_status.as_str()
        )
    });
    restless.collect()
}

/// The nodes run exactly what the tables say; else what differs.
fn differing_nodes(world: &World) -> Option<String> {
    let tables = lock(&world.tables);
    let said: BTreeSet<String> = tables
        .tasks()
        .filter(|task| task.last_status == TaskStatus::Running)
        .map(|task| {
            let node = task
                .container_instance_key
                .as_ref()
                .and_then(|key| tables.node(key));
            format!(
                "{} on {}",
                task.arn(),
                node.map_or("nothing", |node| &node.node_id)
            )
        })
        .collect();
    let mut run = BTreeSet::new();
    for machine in world.machines() {
        let held = machine.held();
        let running = held.tasks.iter().filter(|(_, task)| task.is_running());
        run.extend(running.map(|(arn, _)| format!("{arn} on {}", machine.id)));
    }
    (said != run).then(|| {
        let only_said: Vec<_> = said.difference(&run).collect();
        let only_run: Vec<_> = run.difference(&said).collect();
        format!("the tables say that {only_said:?} run, and only the nodes that {only_run:?} do")
    })
}

/// At rest the scheduler does nothing.
async fn stay_quiet(world: &Arc<World>) {
    let running = || -> BTreeSet<String> {
        let tables = lock(&world.tables);
        let tasks = tables.tasks();
        let running = tasks.filter(|task| task.last_status != TaskStatus::Stopped);
        running
            .map(|task| format!("{} version {}", task.id, task.version))
            .collect()
    };
    let before = running();
    world.clock.sleep(QUIET).await;
    let after = running();
    if before != after {
        world.trace.violated(format_args!(
            "at rest tasks changed from {:?} to {:?}",
            before.difference(&after).collect::<Vec<_>>(),
            after.difference(&before).collect::<Vec<_>>()
        ));
    }
}

/// Every task that anybody was told of is still found, as it was.
async fn check_told(world: &Arc<World>, clients: &[Client]) {
    let Some(client) = clients.first() else {
        return;
    };
    let arns: Vec<String> = lock(&world.told).task_arns().cloned().collect();
    for arns in arns.chunks(100) {
        while !client.look_at_tasks(arns.to_vec()).await {
            world.clock.sleep(LOOK_EVERY).await;
        }
    }
}

/// Nothing is under way any more, what was to be deleted is gone, and daemons are everywhere.
fn check_left_over(world: &World) {
    let tables = lock(&world.tables);
    for left in tables.left_over() {
        world.trace.violated(format_args!("at rest {left}"));
    }
}

/// No request made more tasks than it asked for, however often it was repeated.
fn check_asked(world: &World) {
    let (told, tables) = (lock(&world.told), lock(&world.tables));
    for (started_by, asked) in told.asked() {
        let made = tables.made_for(started_by);
        if made > *asked {
            world.trace.violated(format_args!(
                "{started_by} asked for {asked} tasks and {made} were made"
            ));
        }
    }
}
