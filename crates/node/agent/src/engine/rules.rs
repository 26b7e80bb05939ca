//! What to do next with a task: a pure function of its plan, what is known of its containers, and the time.
//!
//! The rules are those of Amazon's agent (agent protocol §5.1, §5.2), with two differences that only make things
//! faster: images are pulled before dependencies are met, and nothing waits for a polling interval.

use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use super::plan::{Condition, TaskPlan};

/// Exit code of a container that was not started because a dependency failed it (agent protocol §5.2).
pub const DEPENDENCY_EXIT_CODE: i32 = 143;

/// What is known of a task now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskView {
    /// Someone wants it stopped; never goes back to false.
    pub stop_wanted: bool,
    /// Network and files are there, and the task is on disk: containers may be started.
    pub ready: bool,
    pub containers: Vec<ContainerView>,
}

/// What is known of a container now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerView {
    pub phase: Phase,
    pub image_ready: bool,
    /// When it was first started; stays when it stops.
    pub started_at: Option<UnixMillis>,
    pub health: Health,
    pub exit_code: Option<i32>,
}

/// Where a container is in its life. Only ever forward, but for a restart by its restart policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Waiting,
    /// A start was ordered; its outcome is not known yet.
    Starting,
    Running,
    /// A stop was ordered; the end is not known yet.
    Stopping,
    Stopped,
}

/// Docker's health, as a container's health check tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Unknown,
    Healthy,
    Unhealthy,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Start(usize),
    Stop(usize),
    /// The container never runs: it is STOPPED with this code and reason.
    Abandon {
        container: usize,
        exit_code: Option<i32>,
        reason: Option<String>,
    },
}

/// The rules' answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    pub actions: Vec<Action>,
    /// The task is to stop, for whatever reason.
    pub stopping: bool,
    /// When to ask again even if nothing happens.
    pub wake_at: Option<UnixMillis>,
}

/// The task's known status, as the control plane is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskStatus {
    Pending,
    Running,
    Stopped,
}

/// Decides. Carrying out the actions and asking again reaches a point where nothing is left to do.
pub fn decide(plan: &TaskPlan, view: &TaskView, now: UnixMillis) -> Decision {
    let stopping = view.stop_wanted
        || plan
            .containers
            .iter()
            .zip(&view.containers)
            .any(|(plan, view)| plan.essential && view.phase == Phase::Stopped);
    let mut decision = Decision {
        stopping,
        ..Default::default()
    };
    for index in 0..plan.containers.len() {
        let action = match (view.containers[index].phase, stopping) {
            (Phase::Waiting, true) => Some(Action::Abandon {
                container: index,
                exit_code: None,
                reason: None,
            }),
            (Phase::Waiting, false) => {
                start_when_possible(plan, view, index, now, &mut decision.wake_at)
            }
            (Phase::Running, true) => plan
                .dependents(index)
                .all(|dependent| is_stopped(view, dependent))
                .then_some(Action::Stop(index)),
            _ => None,
        };
        decision.actions.extend(action);
    }
    decision
}

/// Every container stopped → STOPPED; every one has run or runs → RUNNING; else PENDING.
pub fn status(view: &TaskView) -> TaskStatus {
    let all = |check: fn(&ContainerView) -> bool| view.containers.iter().all(check);
    if all(|container| container.phase == Phase::Stopped) {
        TaskStatus::Stopped
    } else if all(|container| {
        matches!(
            container.phase,
            Phase::Running | Phase::Stopping | Phase::Stopped
        )
    }) {
        TaskStatus::Running
    } else {
        TaskStatus::Pending
    }
}

enum Dependency {
    Met,
    /// Not yet; at this time it turns into `Never`.
    Later(Option<UnixMillis>),
    Never(String),
}

fn start_when_possible(
    plan: &TaskPlan,
    view: &TaskView,
    index: usize,
    now: UnixMillis,
    wake_at: &mut Option<UnixMillis>,
) -> Option<Action> {
    let mut all_met = true;
    for (on, condition) in &plan.containers[index].depends_on {
        match dependency(plan, view, *on, *condition, now) {
            Dependency::Met => {}
            Dependency::Later(deadline) => {
                all_met = false;
                *wake_at = earlier(*wake_at, deadline);
            }
            Dependency::Never(why) => {
                let name = &plan.containers[index].name;
                return Some(Action::Abandon {
                    container: index,
                    exit_code: Some(DEPENDENCY_EXIT_CODE),
                    reason: Some(format!(
                        "CannotStartContainerError: dependency graph: [{name}] cannot start: {why}"
                    )),
                });
            }
        }
    }
    (all_met && view.ready && view.containers[index].image_ready).then_some(Action::Start(index))
}

fn dependency(
    plan: &TaskPlan,
    view: &TaskView,
    on: usize,
    condition: Condition,
    now: UnixMillis,
) -> Dependency {
    let target = &view.containers[on];
    let name = &plan.containers[on].name;
    let stopped = target.phase == Phase::Stopped;
    if stopped && target.started_at.is_none() {
        return Dependency::Never(format!("[{name}] was not started"));
    }
    let met = match condition {
        Condition::Start => matches!(
            target.phase,
            Phase::Running | Phase::Stopping | Phase::Stopped
        ),
        Condition::Complete => stopped,
        Condition::Success => stopped && target.exit_code == Some(0),
        Condition::Healthy => !stopped && target.health == Health::Healthy,
    };
    if met {
        return Dependency::Met;
    }
    if stopped {
        let code = target.exit_code.map_or_else(
            || "no exit code".to_owned(),
            |code| format!("exit code {code}"),
        );
        return Dependency::Never(format!(
            "[{name}] ended with {code} before it was {}",
            condition.as_str()
        ));
    }
    let deadline = target
        .started_at
        .zip(plan.containers[on].start_timeout)
        .map(|(start, timeout)| start + timeout);
    match deadline.filter(|_| condition != Condition::Start) {
        Some(deadline) if deadline <= now => {
            let condition = condition.as_str();
            Dependency::Never(format!(
                "[{name}] was not {condition} within its startTimeout"
            ))
        }
        deadline => Dependency::Later(deadline),
    }
}

fn is_stopped(view: &TaskView, index: usize) -> bool {
    view.containers[index].phase == Phase::Stopped
}

fn earlier(one: Option<UnixMillis>, other: Option<UnixMillis>) -> Option<UnixMillis> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl TaskStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}
