//! The planner of deployments: what a service should start and stop now, what becomes of its service deployment, and why
//! it waits.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html> (the percentages),
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html> (delays),
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-scheduler-concepts.html> (scale-in order).

mod choose;
mod daemon;
mod pacing;
mod rebalance;
#[cfg(test)]
mod rebalance_tests;
pub mod rollout;
#[cfg(test)]
mod rollout_tests;
pub mod stages;
#[cfg(test)]
mod tests;
mod text;
mod view;

use std::collections::HashSet;

use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::task_state::TaskStatus;

pub use daemon::NodeView;
pub use pacing::{is_impaired, is_short_run, launch_delay, pace};
pub use rebalance::{
    MoveView, RETRY_AFTER as REBALANCE_AFTER, RebalanceStep, RebalanceView, ZoneCounts,
};
pub use view::{DeploymentView, ServiceView, TaskView, proven_at};

use rollout::{Facts, RolloutStatus, RolloutStep, RolloutView};
use stages::Stage;

/// What to do now. Doing it and planning again gives nothing more until something changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Tasks to start, of the primary deployment.
    pub start: i32,
    /// On which nodes, one on each: of a DAEMON service only.
    pub start_on: Vec<String>,
    /// Tasks to start of the source deployment, which is kept whole while traffic shifts away from it.
    pub start_source: i32,
    pub stop: Vec<Stop>,
    /// Deployments whose last task is gone.
    pub drop_deployments: Vec<String>,
    /// The primary has reached its goal for the first time.
    pub complete: bool,
    /// What becomes of the service deployment.
    pub rollout: Option<RolloutStep>,
    /// What becomes of the spread over Availability Zones.
    pub rebalance: Option<RebalanceStep>,
    /// A task became healthy after the last failure: the circuit breaker counts from zero.
    pub forget_failures: bool,
    /// Everything is as desired.
    pub steady: bool,
    /// A draining service has no task left.
    pub inactive: bool,
    pub waits_for: Vec<Wait>,
    /// When time alone changes the plan.
    pub look_again: Option<UnixMillis>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub key: String,
    pub cause: StopCause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopCause {
    /// Scaling in, or of a deployment that is being replaced.
    Scaling {
        deployment_id: String,
    },
    /// A task in a zone that had fewer is there instead.
    Rebalancing {
        deployment_id: String,
    },
    FailedHealthChecks,
    ServiceDeleted,
}

/// Why the service is not where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wait {
    /// Tasks that were started do not run (or are not healthy) yet.
    TasksToStart(i32),
    TasksToStop(i32),
    /// The percentages let it neither start nor stop a task.
    Percentages,
    /// More tasks are protected than are desired.
    ProtectedTasks,
    /// Launches are delayed because tasks do not start.
    Throttled {
        failed_tasks: i32,
    },
    /// Launches are paced because tasks end as soon as they run.
    Paced {
        short_runs: i32,
    },
    /// No node took the last task.
    Room,
    /// A task in another Availability Zone comes up, before one is stopped for it.
    Rebalancing,
    /// The deployment failed, or was stopped: it starts nothing more.
    Failed,
    /// It is watched before it counts as done.
    BakeTime {
        until: UnixMillis,
    },
    /// Hooks of this stage are to be answered.
    Hooks {
        stage: Stage,
        expires: UnixMillis,
    },
    /// The next step of traffic is due then.
    Traffic {
        until: UnixMillis,
    },
}

/// The number of tasks that must stay healthy, and the number that may be RUNNING or PENDING.
pub fn bounds(
    desired_count: i32,
    minimum_healthy_percent: i32,
    maximum_percent: i32,
) -> (i32, i32) {
    let (desired, minimum, maximum) = (
        i64::from(desired_count),
        i64::from(minimum_healthy_percent),
        i64::from(maximum_percent),
    );
    let lower = (desired * minimum + 99) / 100;
    let upper = desired * maximum / 100;
    let narrow = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    (narrow(lower), narrow(upper))
}

/// Plans one service.
pub fn plan(service: &ServiceView, now: UnixMillis) -> Plan {
    if service.draining {
        return plan_draining(service);
    }
    let Some(primary) = service.deployments.first() else {
        return Plan::default();
    };
    let shifting = service.shifting();
    let (mut plan, facts) = match shifting {
        Some(stage) => plan_shift(service, primary, stage, now),
        None => plan_at_one(service, primary, now),
    };
    plan_rollout(service, primary, facts, now, &mut plan);
    if service.rebalance.is_some() {
        let counts = Counts::of(service, &primary.id);
        rebalance::plan(service, primary, &counts, now, &mut plan);
    }
    if plan.rollout.as_ref().is_some_and(RolloutStep::is_given_up) {
        // What is to start and to stop is another question once the deployment is not meant any more.
        plan.start = 0;
        plan.start_source = 0;
        plan.start_on.clear();
        plan.stop.clear();
    }
    plan
}

/// As [`plan_tasks`]; while a task arrives for the balance of zones, one more than desired is kept. The maximum stays that
/// of what is desired.
fn plan_at_one(service: &ServiceView, primary: &DeploymentView, now: UnixMillis) -> (Plan, Facts) {
    if service.arriving(primary).is_none() {
        return plan_tasks(service, primary, now);
    }
    let with_arriving = ServiceView {
        desired_count: service.desired_count + 1,
        ..service.clone()
    };
    let (mut plan, facts) = plan_tasks(&with_arriving, primary, now);
    let counts = Counts::of(service, &primary.id);
    let room = counts.upper - (counts.active() - len(&plan.stop));
    plan.start = plan.start.min(room.max(0));
    (plan, facts)
}

/// One set of tasks replaces another, within the percentages.
fn plan_tasks(service: &ServiceView, primary: &DeploymentView, now: UnixMillis) -> (Plan, Facts) {
    let counts = Counts::of(service, &primary.id);
    let mut plan = Plan::default();
    if let Some(nodes) = &service.nodes {
        daemon::plan(service, nodes, primary, &counts, now, &mut plan);
    } else if primary.failed {
        plan_failed(service, primary, &counts, &mut plan);
    } else {
        plan_stops(service, primary, &counts, &mut plan);
        plan_starts(service, primary, &counts, now, &mut plan);
    }
    let settled = plan_progress(service, primary, &counts, &mut plan);
    let of_others = |task: &&TaskView| task.deployment_id != primary.id && is_shown(task);
    let facts = Facts {
        settled,
        healthy: counts.new_healthy,
        desired: service.desired_count,
        old: narrow(service.tasks.iter().filter(of_others).count()),
    };
    (plan, facts)
}

/// Both revisions run side by side, each as if it were alone, until the source is cleaned up.
fn plan_shift(
    service: &ServiceView,
    primary: &DeploymentView,
    stage: Stage,
    now: UnixMillis,
) -> (Plan, Facts) {
    let is_source = |id: &str| service.source.as_deref() == Some(id) && id != primary.id;
    let side = |of_source: bool, desired_count: i32| {
        let deployments = service.deployments.iter();
        let tasks = service.tasks.iter();
        ServiceView {
            desired_count,
            deployments: deployments
                .filter(|deployment| is_source(&deployment.id) == of_source)
                .cloned()
                .collect(),
            tasks: tasks
                .filter(|task| is_source(&task.deployment_id) == of_source)
                .cloned()
                .collect(),
            source: None,
            rollout: None,
            nodes: None,
            rebalance: None,
            ..*service
        }
    };
    let of_target = if stage.runs_target() {
        service.desired_count
    } else {
        0
    };
    let target = side(false, of_target);
    let (mut plan, facts) = plan_tasks(&target, primary, now);
    plan.steady = false;
    let source = side(true, service.desired_count);
    if let Some(kept) = source.deployments.first() {
        let (beside, _) = plan_tasks(&source, kept, now);
        plan.start_source = beside.start;
        plan.stop.extend(beside.stop);
        plan.waits_for.extend(beside.waits_for);
        plan.look_again = plan.look_again.into_iter().chain(beside.look_again).min();
    }
    (plan, facts)
}

/// What becomes of the service deployment, after what becomes of its tasks.
fn plan_rollout(
    service: &ServiceView,
    primary: &DeploymentView,
    facts: Facts,
    now: UnixMillis,
    plan: &mut Plan,
) {
    let Some(view) = &service.rollout else {
        plan.complete = facts.settled && !primary.completed;
        return;
    };
    let (step, look_again) = rollout::step(view, facts, now);
    plan.complete = step == Some(RolloutStep::Complete);
    plan.steady &= view.status.is_over() || plan.complete;
    plan.rollout = step;
    plan.look_again = plan.look_again.into_iter().chain(look_again).min();
    if let Some(until) = look_again {
        plan.waits_for.push(view.wait(until));
    }
    plan_breaker_reset(service, primary, view, now, plan);
}

/// Tasks without a health check count as healthy when they have run for a moment. (Those with one tell it themselves:
/// whoever writes their health forgets the failures.)
fn plan_breaker_reset(
    service: &ServiceView,
    primary: &DeploymentView,
    view: &RolloutView,
    now: UnixMillis,
    plan: &mut Plan,
) {
    let Some(breaker) = view.breaker.filter(|breaker| breaker.resets) else {
        return;
    };
    if breaker.failures == 0 || view.status != RolloutStatus::InProgress {
        return;
    }
    let own = service.tasks.iter().filter(|task| {
        task.deployment_id == primary.id && !task.has_health_check && task.is_healthy()
    });
    let proven = own
        .filter(|task| !task.stopping)
        .filter_map(|task| task.started.map(proven_at))
        .filter(|proven| breaker.last_failure.is_none_or(|failed| *proven > failed));
    let Some(first) = proven.min() else {
        return;
    };
    if first <= now {
        plan.forget_failures = true;
    } else {
        plan.look_again = plan.look_again.into_iter().chain([first]).min();
    }
}

/// Tasks that nobody asked to stop.
struct Counts<'a> {
    lower: i32,
    upper: i32,
    /// Of the primary deployment, and those to be replaced: of all others, and on nodes that drain.
    new: Vec<&'a TaskView>,
    old: Vec<&'a TaskView>,
    new_healthy: i32,
    all_healthy: i32,
    new_unhealthy: i32,
}

impl<'a> Counts<'a> {
    fn of(service: &'a ServiceView, primary: &str) -> Self {
        let (lower, upper) = bounds(
            service.desired_count,
            service.minimum_healthy_percent,
            service.maximum_percent,
        );
        let active = service.tasks.iter().filter(|task| !task.stopping);
        let (new, old): (Vec<_>, Vec<_>) =
            active.partition(|task| task.deployment_id == primary && !task.draining);
        let new_healthy = count(&new, TaskView::is_healthy);
        Self {
            lower,
            upper,
            new_healthy,
            all_healthy: new_healthy + count(&old, TaskView::is_healthy),
            new_unhealthy: count(&new, TaskView::is_unhealthy),
            new,
            old,
        }
    }

    fn active(&self) -> i32 {
        len(&self.new) + len(&self.old)
    }
}

fn plan_draining(service: &ServiceView) -> Plan {
    let stop: Vec<Stop> = service
        .tasks
        .iter()
        .filter(|task| !task.stopping)
        .map(|task| Stop {
            key: task.key.clone(),
            cause: StopCause::ServiceDeleted,
        })
        .collect();
    let left = len(&service.tasks);
    Plan {
        inactive: left == 0,
        waits_for: if left > 0 {
            vec![Wait::TasksToStop(left)]
        } else {
            vec![]
        },
        stop,
        ..Plan::default()
    }
}

/// A deployment that failed, or was stopped, starts nothing more and replaces nothing: what runs is left alone, but for
/// what is beyond the desired count and not needed for the minimum.
fn plan_failed(
    service: &ServiceView,
    primary: &DeploymentView,
    counts: &Counts<'_>,
    plan: &mut Plan,
) {
    stop_surplus(&counts.new, service, primary, counts, plan);
    plan.waits_for.push(Wait::Failed);
}

/// Stops what is beyond the desired count, and of healthy tasks none that the minimum needs: one that is protected and not
/// healthy yet may be among those that stay. Gives the number of healthy tasks that are left.
fn stop_surplus(
    tasks: &[&TaskView],
    service: &ServiceView,
    primary: &DeploymentView,
    counts: &Counts<'_>,
    plan: &mut Plan,
) -> i32 {
    let mut healthy_left = counts.all_healthy;
    let surplus = usize::try_from(len(tasks) - service.desired_count).unwrap_or(0);
    for task in choose::scale_in_order(tasks).take(surplus) {
        if !task.is_healthy() || healthy_left > counts.lower {
            healthy_left -= i32::from(task.is_healthy());
            plan.stop_task(task, primary);
        }
    }
    healthy_left
}

/// What may go: old tasks that do nothing, what is beyond the desired count, and, where there is no other way to make
/// room for new ones, old healthy tasks down to the minimum.
fn plan_stops(
    service: &ServiceView,
    primary: &DeploymentView,
    counts: &Counts<'_>,
    plan: &mut Plan,
) {
    // One that is protected and not healthy yet is not unhealthy: it may be at its work.
    let idle = |task: &&&TaskView| !task.is_healthy() && (!task.protected || task.is_unhealthy());
    for task in counts.old.iter().filter(idle) {
        plan.stop_task(task, primary);
    }
    let desired = service.desired_count;
    let (unhealthy, serving): (Vec<&TaskView>, Vec<&TaskView>) = counts
        .new
        .iter()
        .copied()
        .partition(|task| task.is_unhealthy());
    let surplus = usize::try_from(len(&serving) - desired).unwrap_or(0);
    let protected = serving.iter().filter(|task| task.protected).count();
    if surplus > serving.len() - protected {
        plan.waits_for.push(Wait::ProtectedTasks);
    }
    let healthy_left = stop_surplus(&serving, service, primary, counts, plan);
    // An unhealthy task goes when its replacement is healthy; until then it may still serve.
    let unreplaced = (desired - counts.new_healthy).max(0);
    let replaced = usize::try_from(len(&unhealthy) - unreplaced).unwrap_or(0);
    for task in unhealthy.iter().take(replaced) {
        plan.stop_task(task, primary);
    }
    stop_unhealthy_without_room(service, counts, plan, primary);
    let old_healthy: Vec<&TaskView> = counts
        .old
        .iter()
        .copied()
        .filter(|task| task.is_healthy())
        .collect();
    let replaced = (counts.all_healthy - desired).max(0);
    let stopped = len(&plan.stop);
    let needed = (desired - (len(&counts.new) - counts.new_unhealthy)).max(0);
    // Less than none where more are active than allowed: those must go before anything can start.
    let room = counts.upper - (counts.active() - stopped);
    let for_room = match (primary.without_room, needed) {
        (true, _) | (_, 0) => needed,
        _ => (needed - room).max(0),
    };
    let cleaned_up = match service.early_success() {
        Some(early) if early.blocking && early.is_healthy_enough(counts.new_healthy, desired) => {
            len(&old_healthy)
        }
        _ => 0,
    };
    let mut may_stop = replaced
        .max(for_room)
        .max(cleaned_up)
        .min(healthy_left - counts.lower)
        .min(len(&old_healthy));
    for task in choose::scale_in_order(&old_healthy) {
        if may_stop <= 0 {
            break;
        }
        may_stop -= 1;
        plan.stop_task(task, primary);
    }
}

/// maximumPercent lets no replacement start beside an unhealthy task: it goes first, one at a time.
fn stop_unhealthy_without_room(
    service: &ServiceView,
    counts: &Counts<'_>,
    plan: &mut Plan,
    primary: &DeploymentView,
) {
    let replacements_come = len(&counts.new) - counts.new_unhealthy >= service.desired_count;
    let is_full = counts.upper <= counts.active() && !replacements_come;
    let somebody_stops = service.tasks.iter().any(|task| task.stopping) || !plan.stop.is_empty();
    let unhealthy = counts.new.iter().find(|task| task.is_unhealthy());
    if let Some(task) = unhealthy
        && is_full
        && !somebody_stops
    {
        plan.stop_task(task, primary);
    }
}

fn plan_starts(
    service: &ServiceView,
    primary: &DeploymentView,
    counts: &Counts<'_>,
    now: UnixMillis,
    plan: &mut Plan,
) {
    let stopped: HashSet<&str> = plan.stop.iter().map(|stop| stop.key.as_str()).collect();
    let serving = count(&counts.new, |task| {
        !task.is_unhealthy() && !stopped.contains(task.key.as_str())
    });
    let goal = service.desired_count - serving;
    let room = counts.upper - (counts.active() - len(&plan.stop));
    let start = goal.min(room).max(0);
    if start == 0 {
        let stuck =
            goal > 0 && plan.stop.is_empty() && !service.tasks.iter().any(|task| task.stopping);
        if stuck && counts.new_healthy == len(&counts.new) {
            plan.waits_for.push(Wait::Percentages);
        }
        return;
    }
    match primary.pause(now) {
        Some((allowed, wait)) => {
            plan.look_again = Some(allowed);
            plan.waits_for.push(wait);
        }
        None => plan.start = start,
    }
    if primary.without_room {
        plan.waits_for.push(Wait::Room);
    }
}

/// True when every task is there and healthy, and nothing else is left.
fn plan_progress(
    service: &ServiceView,
    primary: &DeploymentView,
    counts: &Counts<'_>,
    plan: &mut Plan,
) -> bool {
    plan.drop_deployments = service
        .deployments
        .iter()
        .skip(1)
        .filter(|deployment| {
            !service
                .tasks
                .iter()
                .any(|task| task.deployment_id == deployment.id && is_shown(task))
        })
        .map(|deployment| deployment.id.clone())
        .collect();
    let old_gone = plan.drop_deployments.len() + 1 >= service.deployments.len();
    let reached =
        counts.new_healthy == service.desired_count && len(&counts.new) == service.desired_count;
    let settled = reached && old_gone && plan.start == 0 && plan.stop.is_empty() && !primary.failed;
    plan.steady = settled && !service.tasks.iter().any(|task| task.stopping);
    let unfinished = len(&counts.new) - counts.new_healthy - counts.new_unhealthy + plan.start;
    if unfinished > 0 {
        plan.waits_for.push(Wait::TasksToStart(unfinished));
    }
    let ending =
        narrow(service.tasks.iter().filter(|task| task.stopping).count()) + len(&plan.stop);
    if ending > 0 {
        plan.waits_for.push(Wait::TasksToStop(ending));
    }
    settled
}

/// Whether the API counts the task as running or pending.
fn is_shown(task: &TaskView) -> bool {
    !task.stopping || task.status <= TaskStatus::Running
}

impl Plan {
    fn stop_task(&mut self, task: &TaskView, primary: &DeploymentView) {
        let cause = if task.is_unhealthy() {
            StopCause::FailedHealthChecks
        } else {
            StopCause::Scaling {
                deployment_id: primary.id.clone(),
            }
        };
        self.stop.push(Stop {
            key: task.key.clone(),
            cause,
        });
    }

    fn stops(&self, key: &str) -> bool {
        self.stop.iter().any(|stop| stop.key == key)
    }

    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.start == 0
            && self.start_source == 0
            && self.stop.is_empty()
            && self.drop_deployments.is_empty()
            && !self.complete
            && self.rollout.is_none()
            && self.rebalance.is_none()
            && !self.forget_failures
            && !self.inactive
    }
}

fn count(tasks: &[&TaskView], test: impl Fn(&TaskView) -> bool) -> i32 {
    narrow(tasks.iter().filter(|task| test(task)).count())
}

fn len<T>(items: &[T]) -> i32 {
    narrow(items.len())
}

fn narrow(count: usize) -> i32 {
    i32::try_from(count).expect("a service has at most 5,000 desired tasks")
}
