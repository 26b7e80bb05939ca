//! Availability Zone rebalancing: a steady service whose tasks are not spread evenly moves them, one at a time, the new one
//! first.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html>. AWS looks at a service that
//! is steady; here it is the same, and a move is over, or given up, before the next one begins.

use std::{collections::BTreeMap, time::Duration};

use clock::UnixMillis;

use super::{Counts, DeploymentView, Plan, ServiceView, StopCause, TaskView, Wait};

/// A move that failed is tried again after so long.
pub const RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// Of a service that asks for it, and is of the kind that can have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RebalanceView {
    /// Zones with a node that takes its tasks.
    pub zones: Vec<String>,
    pub under_way: Option<MoveView>,
}

/// A rebalancing that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveView {
    /// The task that was started in the zone that has too few, until one of another zone was stopped for it.
    pub task: Option<String>,
    /// The last move failed: the next one not before then.
    pub not_before: Option<UnixMillis>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RebalanceStep {
    /// A task of the primary deployment, in the first of these zones that has room; the one with fewest tasks is the first.
    /// With the tasks of each zone as they are.
    Start {
        zones: Vec<String>,
        counts: ZoneCounts,
    },
    /// The new task is healthy, and another was stopped for it.
    Moved,
    /// The new task did not come up: what there was is left as it is for a while.
    GiveUp,
    /// Something else is going on, or rebalancing was turned off.
    Forget,
    /// Nothing is left to move.
    Balanced { counts: ZoneCounts },
}

/// Tasks by zone, in the order of the names.
pub type ZoneCounts = Vec<(String, usize)>;

/// Where one task more, and one fewer elsewhere, makes the spread more even, the poorest zone first; none when it is as even
/// as it can be.
///
/// Every move lessens the sum of the squares of the counts, so that moves come to an end, and none undoes another.
fn next_move(tasks: &[&TaskView], zones: &[String]) -> Vec<String> {
    let counts = counts(tasks, zones);
    let movable = |zone: &str| {
        let mut own = tasks.iter().filter(|task| zone_of(task) == Some(zone));
        own.any(|task| !task.protected)
    };
    let most = counts
        .iter()
        .filter(|(zone, _)| movable(zone))
        .map(|(_, count)| *count)
        .max();
    let poor = counts
        .iter()
        .filter(|(zone, count)| zones.contains(zone) && most.is_some_and(|most| most >= count + 2));
    let mut poor: Vec<_> = poor.collect();
    poor.sort_by_key(|(zone, count)| (*count, zone));
    poor.into_iter().map(|(zone, _)| zone.clone()).collect()
}

fn counts(tasks: &[&TaskView], zones: &[String]) -> ZoneCounts {
    let mut counts: BTreeMap<&str, usize> = zones.iter().map(|zone| (zone.as_str(), 0)).collect();
    for zone in tasks.iter().filter_map(|task| zone_of(task)) {
        *counts.entry(zone).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts
        .map(|(zone, count)| (zone.to_owned(), count))
        .collect()
}

fn zone_of(task: &TaskView) -> Option<&str> {
    task.availability_zone.as_deref()
}

impl ServiceView {
    /// Nothing else changes its tasks: no deployment is under way, and none is being replaced.
    fn is_at_rest(&self, primary: &DeploymentView) -> bool {
        self.nodes.is_none()
            && !primary.failed
            && self.deployments.len() == 1
            && self
                .rollout
                .as_ref()
                .is_none_or(|rollout| rollout.status.is_over())
            && !self.tasks.iter().any(|task| task.draining)
    }

    /// The new task of a move that is not healthy yet: so long there is one task more than desired.
    pub(super) fn arriving(&self, primary: &DeploymentView) -> Option<&TaskView> {
        let key = self.rebalance.as_ref()?.under_way.as_ref()?.task.as_ref()?;
        let task = self.tasks.iter().find(|task| task.key == *key)?;
        let is_coming = !task.stopping && !task.is_healthy() && !task.is_unhealthy();
        (is_coming && self.is_at_rest(primary)).then_some(task)
    }
}

/// What becomes of the rebalancing, after the plan of the tasks.
pub(super) fn plan(
    service: &ServiceView,
    primary: &DeploymentView,
    counted: &Counts<'_>,
    now: UnixMillis,
    plan: &mut Plan,
) {
    let Some(view) = &service.rebalance else {
        return;
    };
    let begun = view.under_way.as_ref();
    if !service.is_at_rest(primary) {
        plan.rebalance = begun.map(|_| RebalanceStep::Forget);
        return;
    }
    if let Some(key) = begun.and_then(|begun| begun.task.as_ref()) {
        plan.rebalance = after_start(service, primary, counted, key, plan);
        match &plan.rebalance {
            None => {
                plan.steady = false;
                plan.waits_for.push(Wait::Rebalancing);
            }
            Some(RebalanceStep::Moved) => name_cause(plan),
            Some(_) => {}
        }
        return;
    }
    if let Some(at) = begun
        .and_then(|begun| begun.not_before)
        .filter(|at| *at > now)
    {
        plan.look_again = plan.look_again.into_iter().chain([at]).min();
        return;
    }
    // One task more must be allowed, and the service be steady but for this.
    if !plan.steady || counted.upper <= service.desired_count {
        return;
    }
    let counts = counts(&counted.new, &view.zones);
    let zones = next_move(&counted.new, &view.zones);
    plan.rebalance = match zones.is_empty() {
        false => Some(RebalanceStep::Start { zones, counts }),
        true => begun.map(|_| RebalanceStep::Balanced { counts }),
    };
    plan.steady &= !matches!(plan.rebalance, Some(RebalanceStep::Start { .. }));
}

/// The task that goes for the new one goes for the balance.
fn name_cause(plan: &mut Plan) {
    for stop in &mut plan.stop {
        if let StopCause::Scaling { deployment_id } = &stop.cause {
            let deployment_id = deployment_id.clone();
            stop.cause = StopCause::Rebalancing { deployment_id };
        }
    }
}

/// What became of the task that was started.
fn after_start(
    service: &ServiceView,
    primary: &DeploymentView,
    counted: &Counts<'_>,
    key: &str,
    plan: &Plan,
) -> Option<RebalanceStep> {
    let lives = counted.new.iter().any(|task| task.key == key);
    let goes = plan.stop.iter().any(|stop| stop.key == key);
    if !lives || goes {
        return Some(RebalanceStep::GiveUp);
    }
    if service.arriving(primary).is_some() {
        return None;
    }
    let stopped = plan.stop.len();
    let left = counted.new.len() - stopped.min(counted.new.len());
    let is_done = i32::try_from(left).is_ok_and(|left| left <= service.desired_count);
    is_done.then_some(RebalanceStep::Moved)
}
