//! The planner of rolling deployments: what a service should start and stop now, and why it waits.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html> (the percentages),
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html> (delays),
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-scheduler-concepts.html> (scale-in order).

mod choose;
#[cfg(test)]
mod tests;
mod text;

use std::{collections::HashSet, time::Duration};

use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::task_state::{HealthStatus, TaskStatus};

/// The first pause after a task that never ran; it doubles with every further one.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);
/// So many tasks in a row that never ran are worth an event.
const IMPAIRED_AFTER: i32 = 3;
/// A task that ended by itself sooner than this after its start hardly ran.
const SHORT_RUN: Duration = Duration::from_secs(10);
/// So many short runs in a row, and further starts are paced: a loop of crashes must not keep the nodes busy.
const PACED_AFTER: i32 = 3;
const FIRST_PACE: Duration = Duration::from_secs(1);
const LONGEST_PACE: Duration = Duration::from_secs(10);

/// A service as the tables show it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceView {
    pub desired_count: i32,
    pub minimum_healthy_percent: i32,
    pub maximum_percent: i32,
    /// It is being deleted.
    pub draining: bool,
    /// The primary first.
    pub deployments: Vec<DeploymentView>,
    /// Those that are not STOPPED.
    pub tasks: Vec<TaskView>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentView {
    pub id: String,
    pub completed: bool,
    /// Tasks in a row that stopped without ever RUNNING.
    pub failed_tasks: i32,
    pub last_failure: Option<UnixMillis>,
    /// Tasks in a row that ran, and ended by themselves at once.
    pub short_runs: i32,
    pub last_short_run: Option<UnixMillis>,
    /// No node took its last task.
    pub without_room: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    pub key: String,
    pub deployment_id: String,
    pub status: TaskStatus,
    /// Somebody asked it to stop.
    pub stopping: bool,
    /// Its node is DRAINING: it is to be replaced elsewhere.
    pub draining: bool,
    pub has_health_check: bool,
    pub health: HealthStatus,
    pub availability_zone: Option<String>,
    pub node: Option<String>,
    pub created: UnixMillis,
}

/// What to do now. Doing it and planning again gives nothing more until something changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Tasks to start, of the primary deployment.
    pub start: i32,
    pub stop: Vec<Stop>,
    /// Deployments whose last task is gone.
    pub drop_deployments: Vec<String>,
    /// The primary has reached its goal for the first time.
    pub complete: bool,
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
    /// Launches are delayed because tasks do not start.
    Throttled {
        failed_tasks: i32,
    },
    /// Launches are paced because tasks end as soon as they run.
    Paced {
        short_runs: i32,
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

/// How long after its last failure a deployment may start tasks again.
pub fn launch_delay(failed_tasks: i32) -> Duration {
    match u32::try_from(failed_tasks).unwrap_or(0) {
        0 => Duration::ZERO,
        count => FIRST_DELAY
            .saturating_mul(1 << (count - 1).min(20))
            .min(LONGEST_DELAY),
    }
}

/// How long after the end of its last short run a deployment may start tasks again. AWS restarts without a pause; on
/// machines of one's own a crash loop at full speed is felt by everything beside it.
pub fn pace(short_runs: i32) -> Duration {
    match u32::try_from(short_runs - PACED_AFTER) {
        Err(_) => Duration::ZERO,
        Ok(more) => FIRST_PACE
            .saturating_mul(1 << more.min(10))
            .min(LONGEST_PACE),
    }
}

/// Whether a task that ended by itself hardly ran. One that was over before anyone heard of its start did not.
pub fn is_short_run(started: Option<UnixMillis>, ended: UnixMillis) -> bool {
    started.is_none_or(|started| ended.since(started) < SHORT_RUN)
}

/// Whether the service is "unable to consistently start tasks".
pub fn is_impaired(failed_tasks: i32) -> bool {
    failed_tasks >= IMPAIRED_AFTER
}

/// Plans one service.
pub fn plan(service: &ServiceView, now: UnixMillis) -> Plan {
    if service.draining {
        return plan_draining(service);
    }
    let Some(primary) = service.deployments.first() else {
        return Plan::default();
    };
    let counts = Counts::of(service, &primary.id);
    let mut plan = Plan::default();
    plan_stops(service, primary, &counts, &mut plan);
    plan_starts(service, primary, &counts, now, &mut plan);
    plan_progress(service, primary, &counts, &mut plan);
    plan
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

impl TaskView {
    /// Counts for minimumHealthyPercent: RUNNING, and HEALTHY where there is a health check.
    pub fn is_healthy(&self) -> bool {
        self.status == TaskStatus::Running
            && (!self.has_health_check || self.health == HealthStatus::Healthy)
    }

    pub fn is_unhealthy(&self) -> bool {
        self.has_health_check && self.health == HealthStatus::Unhealthy
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

/// What may go: old tasks that do nothing, what is beyond the desired count, and, where there is no other way to make
/// room for new ones, old healthy tasks down to the minimum.
fn plan_stops(
    service: &ServiceView,
    primary: &DeploymentView,
    counts: &Counts<'_>,
    plan: &mut Plan,
) {
    let mut healthy_left = counts.all_healthy;
    for task in counts.old.iter().filter(|task| !task.is_healthy()) {
        plan.stop_task(task, primary);
    }
    let desired = service.desired_count;
    let (unhealthy, serving): (Vec<&TaskView>, Vec<&TaskView>) = counts
        .new
        .iter()
        .copied()
        .partition(|task| task.is_unhealthy());
    let surplus = usize::try_from(len(&serving) - desired).unwrap_or(0);
    for task in choose::scale_in_order(&serving).take(surplus) {
        if !task.is_healthy() || healthy_left > counts.lower {
            healthy_left -= i32::from(task.is_healthy());
            plan.stop_task(task, primary);
        }
    }
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
    let room = (counts.upper - (counts.active() - stopped)).max(0);
    let for_room = if primary.without_room {
        needed
    } else {
        (needed - room).max(0)
    };
    let mut may_stop = replaced
        .max(for_room)
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
}

impl DeploymentView {
    /// Until when it may start nothing, and why.
    fn pause(&self, now: UnixMillis) -> Option<(UnixMillis, Wait)> {
        let (failed_tasks, short_runs) = (self.failed_tasks, self.short_runs);
        let throttled = self.last_failure.filter(|_| failed_tasks > 0);
        let throttled = throttled.map(|at| {
            let allowed = at + launch_delay(failed_tasks);
            (allowed, Wait::Throttled { failed_tasks })
        });
        let paced = self.last_short_run.map(|at| {
            let allowed = at + pace(short_runs);
            (allowed, Wait::Paced { short_runs })
        });
        let both = throttled.into_iter().chain(paced);
        both.filter(|(allowed, _)| *allowed > now)
            .max_by_key(|(allowed, _)| *allowed)
    }
}

fn plan_progress(
    service: &ServiceView,
    primary: &DeploymentView,
    counts: &Counts<'_>,
    plan: &mut Plan,
) {
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
    let settled = reached && old_gone && plan.start == 0 && plan.stop.is_empty();
    plan.complete = settled && !primary.completed;
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

    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.start == 0
            && self.stop.is_empty()
            && self.drop_deployments.is_empty()
            && !self.complete
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
