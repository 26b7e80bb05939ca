//! Services of the strategy DAEMON: one task on each node that matches, and the task of a new revision only where the old
//! one is gone.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html> (one task on each active
//! instance that meets the constraints; tasks that don't are stopped), `DeploymentConfiguration` in the API reference
//! (maximumPercent 100: old ones stop first, down to minimumHealthyPercent),
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html> (daemons leave last).

use std::collections::{BTreeMap, HashSet};

use clock::UnixMillis;

use super::{Counts, DeploymentView, Plan, ServiceView, TaskView, Wait, narrow};

/// A node on which a daemon may be. Tasks on other nodes are stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    pub key: String,
    /// A task is to be there. Otherwise the one that is there stays: the node's agent is away for the moment, or the
    /// node drains and other tasks are still on it.
    pub is_wanted: bool,
}

pub(super) fn plan(
    service: &ServiceView,
    nodes: &[NodeView],
    primary: &DeploymentView,
    counts: &Counts<'_>,
    now: UnixMillis,
    plan: &mut Plan,
) {
    let on_nodes = tasks_by_node(service);
    stop_elsewhere(&on_nodes, nodes, primary, plan);
    if primary.failed {
        plan.waits_for.push(Wait::Failed);
        return;
    }
    let tasks_of = |node: &NodeView| {
        let tasks = on_nodes.get(node.key.as_str());
        tasks.map(Vec::as_slice).unwrap_or_default()
    };
    let serves = |node: &&NodeView| {
        let mut tasks = tasks_of(node).iter();
        tasks.any(|task| !task.stopping && task.is_healthy())
    };
    let mut healthy_left = narrow(nodes.iter().filter(serves).count());
    let mut is_held_back = false;
    for node in nodes {
        let mut may_replace = || {
            let may = healthy_left > counts.lower;
            healthy_left -= i32::from(may);
            is_held_back |= !may;
            may
        };
        plan_node(node, tasks_of(node), primary, &mut may_replace, plan);
    }
    let is_old = |task: &&TaskView| task.deployment_id != primary.id && !task.stopping;
    let mut kept = service.tasks.iter().filter(is_old);
    if kept.any(|task| task.protected && task.is_healthy() && !plan.stops(&task.key)) {
        plan.waits_for.push(Wait::ProtectedTasks);
    }
    let somebody_stops = service.tasks.iter().any(|task| task.stopping) || !plan.stop.is_empty();
    let all_serve = counts.all_healthy == counts.active();
    if is_held_back && all_serve && !somebody_stops {
        plan.waits_for.push(Wait::Percentages);
    }
    let is_free = |node: &&NodeView| node.is_wanted && !on_nodes.contains_key(node.key.as_str());
    let free: Vec<String> = nodes
        .iter()
        .filter(is_free)
        .map(|node| node.key.clone())
        .collect();
    if free.is_empty() {
        return;
    }
    match primary.pause(now) {
        Some((allowed, wait)) => {
            plan.look_again = Some(allowed);
            plan.waits_for.push(wait);
        }
        None => {
            plan.start = narrow(free.len());
            plan.start_on = free;
        }
    }
    if primary.without_room {
        plan.waits_for.push(Wait::Room);
    }
}

/// Tasks on nodes that are none for this service (any more) go, whatever becomes of the deployment.
fn stop_elsewhere(
    on_nodes: &BTreeMap<&str, Vec<&TaskView>>,
    nodes: &[NodeView],
    primary: &DeploymentView,
    plan: &mut Plan,
) {
    let known: HashSet<&str> = nodes.iter().map(|node| node.key.as_str()).collect();
    let elsewhere = on_nodes.iter().filter(|(node, _)| !known.contains(*node));
    for task in elsewhere.flat_map(|(_, tasks)| tasks) {
        if !task.stopping {
            plan.stop_task(task, primary);
        }
    }
}

/// What goes from one node: all but one task, one that is unhealthy, and one of an old revision, which may go when enough
/// others serve. Where no new one could follow, an old one that serves is left alone.
fn plan_node(
    node: &NodeView,
    tasks: &[&TaskView],
    primary: &DeploymentView,
    may_replace: &mut dyn FnMut() -> bool,
    plan: &mut Plan,
) {
    let mut active: Vec<&TaskView> = tasks
        .iter()
        .copied()
        .filter(|task| !task.stopping)
        .collect();
    active.sort_by_key(|task| {
        let is_old = task.deployment_id != primary.id;
        (is_old, !task.is_healthy(), task.created, task.key.clone())
    });
    for (position, task) in active.into_iter().enumerate() {
        let is_old = task.deployment_id != primary.id && node.is_wanted;
        let must_go = position > 0 || task.is_unhealthy() || is_old && !task.is_healthy();
        // As of other services: a deployment waits until the protection of a task that serves is over.
        if must_go || is_old && !task.protected && may_replace() {
            plan.stop_task(task, primary);
        }
    }
}

/// Tasks that are not over, those that are stopping too: they still have their node.
fn tasks_by_node(service: &ServiceView) -> BTreeMap<&str, Vec<&TaskView>> {
    let mut on_nodes: BTreeMap<&str, Vec<&TaskView>> = BTreeMap::new();
    for task in &service.tasks {
        let node = task.node.as_deref().unwrap_or_default();
        on_nodes.entry(node).or_default().push(task);
    }
    on_nodes
}

#[cfg(test)]
#[path = "daemon_tests.rs"]
mod tests;
