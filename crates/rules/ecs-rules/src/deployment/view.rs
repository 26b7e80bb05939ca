//! What the planner looks at.

use clock::UnixMillis;

use super::{
    daemon::NodeView,
    rebalance::RebalanceView,
    rollout::{EarlySuccess, RolloutStatus, RolloutView},
    stages::Stage,
};
use crate::task_state::{HealthStatus, TaskStatus};

/// A service as the tables show it now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceView {
    pub desired_count: i32,
    pub minimum_healthy_percent: i32,
    pub maximum_percent: i32,
    /// It is being deleted.
    pub draining: bool,
    /// The primary first.
    pub deployments: Vec<DeploymentView>,
    /// The deployment that traffic shifts away from.
    pub source: Option<String>,
    /// The service deployment that is under way; the last one when none is.
    pub rollout: Option<RolloutView>,
    /// Where a DAEMON service's tasks are to be; none of a REPLICA service. `desired_count` is how many there are.
    pub nodes: Option<Vec<NodeView>>,
    /// None of a service that does not ask for it, or cannot have it.
    pub rebalance: Option<RebalanceView>,
    /// Those that are not STOPPED.
    pub tasks: Vec<TaskView>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeploymentView {
    pub id: String,
    pub completed: bool,
    /// It failed, or somebody stopped it: it starts nothing more.
    pub failed: bool,
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
    /// Against scaling in and being replaced (UpdateTaskProtection).
    pub protected: bool,
    pub has_health_check: bool,
    /// It has no health check, and did not run long enough yet to count as healthy: [`proven_at`] says when it does.
    pub unproven: bool,
    pub health: HealthStatus,
    pub availability_zone: Option<String>,
    pub node: Option<String>,
    pub created: UnixMillis,
    /// Since when it is RUNNING.
    pub started: Option<UnixMillis>,
}

impl ServiceView {
    /// The stage of a deployment that keeps its source beside the new tasks.
    pub(super) fn shifting(&self) -> Option<Stage> {
        let rollout = self.rollout.as_ref()?;
        let is_going_on = matches!(
            rollout.status,
            RolloutStatus::Pending | RolloutStatus::InProgress
        );
        let stage = rollout.stages.as_ref()?.stage;
        (is_going_on && stage.keeps_source()).then_some(stage)
    }

    pub(super) fn early_success(&self) -> Option<EarlySuccess> {
        let rollout = self.rollout.as_ref()?;
        rollout
            .early_success
            .filter(|_| rollout.status == RolloutStatus::InProgress)
    }
}

/// When a task without a health check counts as healthy, in a deployment that the circuit breaker watches: RUNNING says
/// little of a program that ends a moment later. (AWS waits for some 40 s, with the breaker or without.)
pub fn proven_at(started: UnixMillis) -> UnixMillis {
    started + super::pacing::SHORT_RUN
}

impl TaskView {
    /// Counts for minimumHealthyPercent: RUNNING for long enough, and HEALTHY where there is a health check.
    pub fn is_healthy(&self) -> bool {
        self.status == TaskStatus::Running
            && !self.unproven
            && (!self.has_health_check || self.health == HealthStatus::Healthy)
    }

    pub fn is_unhealthy(&self) -> bool {
        self.has_health_check && self.health == HealthStatus::Unhealthy
    }
}
