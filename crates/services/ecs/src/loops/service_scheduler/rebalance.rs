//! Moves tasks of a steady service between Availability Zones, as the planner says.

use std::collections::{BTreeMap, BTreeSet};

use clock::UnixMillis;
use ecs_rules::{
    deployment::{MoveView, REBALANCE_AFTER, RebalanceStep, RebalanceView, TaskView},
    service::check_movable,
};
use kit::LoopError;
use placement::{MemberOf, Standing};
use state::{Head, Record, Tx};

use super::act::Batch;
use crate::{
    Ecs, NodeUsage,
    records::{
        ContainerInstanceRecord, DeploymentRecord, ServiceRecord, ServiceStatus, ZoneMoveRecord,
    },
    service_events as events,
    tasks::{self, Creation},
    usage,
};

/// None of a service that does not ask for it or cannot have it, and where there is nothing to move.
pub(super) fn view(
    head: &Head,
    service: &ServiceRecord,
    tasks: &[TaskView],
) -> Option<RebalanceView> {
    let is_asked = service.availability_zone_rebalancing == "ENABLED"
        && service.status == ServiceStatus::Active;
    if !is_asked || service.zone_move.is_none() && is_even(head, service, tasks) {
        return None;
    }
    let is_movable =
        service.with_movable(&service.task_spec, |movable| check_movable(movable).is_ok());
    is_movable.then(|| RebalanceView {
        zones: zones(head, service),
        under_way: service.zone_move.as_ref().map(|known| MoveView {
            task: known.task_key.clone(),
            not_before: known.not_before,
        }),
    })
}

/// Whether the tasks are spread evenly over all zones that there are: then they are over any of them, and no node need be
/// asked.
fn is_even(head: &Head, service: &ServiceRecord, tasks: &[TaskView]) -> bool {
    let index = head.view::<NodeUsage>().index();
    // Serverless capacity is in a pool without a cluster's name.
    let pools = [&*service.cluster, ""].map(|cluster| {
        let (account, region) = (&service.account, &service.region);
        usage::pool(account, region, cluster)
    });
    let zones = pools.iter().flat_map(|pool| index.zones(pool));
    let mut counts: BTreeMap<&str, usize> = zones.map(|zone| (zone, 0)).collect();
    let of_tasks = tasks
        .iter()
        .filter_map(|task| task.availability_zone.as_deref());
    for zone in of_tasks {
        *counts.entry(zone).or_default() += 1;
    }
    let most = counts.values().max().copied().unwrap_or_default();
    counts.values().all(|count| count + 1 >= most)
}

/// Those with a node that takes the service's tasks, if there is room.
fn zones(head: &Head, service: &ServiceRecord) -> Vec<String> {
    let primary = service.primary();
    // While deployments overlap nothing is moved.
    let Some(primary) = primary.filter(|_| service.deployments.len() == 1) else {
        return vec![];
    };
    let Ok(batch) = Batch::of(head, service, primary) else {
        return vec![];
    };
    let matching = tasks::matching_nodes(
        head,
        &service.account,
        &service.region,
        &service.cluster,
        &batch.definition,
        &batch.placing,
        batch.plan.is_serverless(),
    );
    let ready = matching
        .into_iter()
        .filter(|(_, standing)| *standing == Standing::Ready);
    let zones: BTreeSet<String> = ready
        .filter_map(|(key, _)| head.get::<ContainerInstanceRecord>(&key))
        .filter(|node| batch.plan.takes_instance_of(node.capacity_provider()))
        .map(|node| node.availability_zone.clone())
        .collect();
    zones.into_iter().collect()
}

pub(super) fn act(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    step: &RebalanceStep,
    now: UnixMillis,
) -> Result<(), LoopError> {
    match step {
        RebalanceStep::Start { zones, counts } => {
            // Once for all the moves that it takes.
            if service.zone_move.is_none() {
                events::add(ecs, tx, service, &events::not_balanced(counts));
            }
            start(ecs, tx, service, zones, now)?;
        }
        RebalanceStep::Moved => service.zone_move = Some(ZoneMoveRecord::default()),
        RebalanceStep::GiveUp => service.zone_move = Some(later(now)),
        RebalanceStep::Forget => service.zone_move = None,
        RebalanceStep::Balanced { counts } => {
            events::add(ecs, tx, service, &events::balanced(counts));
            service.zone_move = None;
        }
    }
    Ok(())
}

/// In the first zone with room: one that is full must not keep the others from their balance.
fn start(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    zones: &[String],
    now: UnixMillis,
) -> Result<(), LoopError> {
    let Some(primary) = service.primary().cloned() else {
        return Ok(());
    };
    let mut refused = None;
    for zone in zones {
        if start_in(ecs, tx, service, &primary, zone)? {
            return Ok(());
        }
        refused.get_or_insert(zone);
    }
    if let Some(zone) = refused {
        let text = events::without_room_in(zone, primary.task_spec.plan().is_serverless());
        events::add_once(ecs, tx, service, &text);
        service.zone_move = Some(later(now));
    }
    Ok(())
}

/// False if nothing in the zone takes a task.
fn start_in(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    primary: &DeploymentRecord,
    zone: &str,
) -> Result<bool, LoopError> {
    let mut batch = Batch::of(tx, service, primary)?;
    let in_zone = MemberOf::parse(&format!("attribute:ecs.availability-zone == {zone}"))
        .map_err(|error| LoopError::Other(format!("the zone {zone}: {error}")))?;
    batch.placing.member_of.push(in_zone);
    let launch = batch.next_launch(tx, service, primary);
    let created = tasks::create(ecs, tx, &batch.task(service, primary, launch))?;
    let (Creation::Placed(task) | Creation::Waiting(task)) = created else {
        return Ok(false);
    };
    let text = events::started_for_balance(zone, &task.id);
    events::add(ecs, tx, service, &text);
    service.zone_move = Some(ZoneMoveRecord {
        task_key: Some(task.key()),
        not_before: None,
    });
    Ok(true)
}

fn later(now: UnixMillis) -> ZoneMoveRecord {
    ZoneMoveRecord {
        task_key: None,
        not_before: Some(now + REBALANCE_AFTER),
    }
}
