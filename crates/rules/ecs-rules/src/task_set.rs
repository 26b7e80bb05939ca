//! Task sets: how a service is run whose deployments somebody else carries out (the EXTERNAL deployment controller).
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskSet.html> (counts, stability), and the errors that
//! users of `aws_ecs_service` and `AWS::ECS::Service` have reported.

mod requests;
#[cfg(test)]
mod tests;

use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::deployment::{self, DeploymentView, Plan, ServiceView, StopCause, TaskView, Wait};

pub use requests::{
    NOT_EXTERNAL, check_creation_of_service, check_deployment_configuration, check_external_id,
    check_scale, check_update_of_service,
};

/// What a task set's users see of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskSetStatus {
    /// It serves production traffic; at most one does.
    Primary,
    Active,
    /// It is being deleted: its tasks stop.
    Draining,
}

/// Whether a task set is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stability {
    SteadyState,
    Stabilizing,
}

/// The task sets of a service as the tables show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSetsView {
    pub minimum_healthy_percent: i32,
    pub maximum_percent: i32,
    /// The service is being deleted, and with it all its sets.
    pub draining: bool,
    pub sets: Vec<TaskSetView>,
    /// Of all sets, without those that are STOPPED; each names its set as its deployment.
    pub tasks: Vec<TaskView>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSetView {
    /// How its tasks fared; the id is the set's.
    pub deployment: DeploymentView,
    pub computed_desired_count: i32,
    pub status: TaskSetStatus,
    pub stability: Stability,
}

/// What to do now, set by set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskSetsPlan {
    pub sets: Vec<TaskSetPlan>,
    /// Every set has what it should have.
    pub steady: bool,
    /// The service was deleted, and its last task is gone.
    pub inactive: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSetPlan {
    pub id: String,
    /// Its starts and stops, and why it waits.
    pub tasks: Plan,
    /// It is being deleted, and its last task is gone.
    pub gone: bool,
    /// Where this is another one than it has.
    pub stability: Option<Stability>,
}

/// The tasks of a set: its share of what the service desires, rounded up.
pub fn computed_desired_count(desired_count: i32, scale_percent: f64) -> i32 {
    /// A product that is whole on paper may be a little more in binary.
    const NOISE: f64 = 1e-9;
    let count = (f64::from(desired_count) * scale_percent / 100.0 - NOISE).ceil();
    // Both factors were checked; what is out of range is cut off, not wrapped.
    #[allow(clippy::cast_possible_truncation, reason = "`as` saturates")]
    let count = count as i32;
    count.clamp(0, desired_count.max(0))
}

/// Plans all sets of a service. Each is planned as a service of its own, which has one deployment and nothing to replace.
pub fn plan(view: &TaskSetsView, now: UnixMillis) -> TaskSetsPlan {
    let sets: Vec<TaskSetPlan> = view
        .sets
        .iter()
        .map(|set| plan_set(view, set, now))
        .collect();
    TaskSetsPlan {
        steady: !view.draining && sets.iter().all(|set| set.tasks.steady),
        inactive: view.draining && view.tasks.is_empty(),
        sets,
    }
}

fn plan_set(view: &TaskSetsView, set: &TaskSetView, now: UnixMillis) -> TaskSetPlan {
    let id = &set.deployment.id;
    let draining = view.draining || set.status == TaskSetStatus::Draining;
    let own = view.tasks.iter().filter(|task| task.deployment_id == *id);
    let alone = ServiceView {
        desired_count: set.computed_desired_count,
        minimum_healthy_percent: view.minimum_healthy_percent,
        maximum_percent: view.maximum_percent,
        draining,
        deployments: vec![set.deployment.clone()],
        source: None,
        nodes: None,
        rebalance: None,
        rollout: None,
        tasks: own.cloned().collect(),
    };
    let mut tasks = deployment::plan(&alone, now);
    for stop in &mut tasks.stop {
        if stop.cause == StopCause::ServiceDeleted {
            stop.cause = StopCause::Scaling {
                deployment_id: id.clone(),
            };
        }
    }
    // A task that is protected may be one too many, and stays so for as long as it is protected.
    let is_whole = i32::try_from(alone.tasks.len()) == Ok(set.computed_desired_count);
    let stability = match tasks.steady && is_whole && !draining {
        true => Stability::SteadyState,
        false => Stability::Stabilizing,
    };
    TaskSetPlan {
        id: id.clone(),
        gone: tasks.inactive,
        stability: (stability != set.stability).then_some(stability),
        tasks,
    }
}

impl TaskSetsPlan {
    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        !self.inactive
            && self
                .sets
                .iter()
                .all(|set| set.tasks.is_empty() && !set.gone && set.stability.is_none())
    }

    /// The sets together, for whoever asks about the service as a whole.
    pub fn summary(&self) -> Plan {
        let plans = || self.sets.iter().map(|set| &set.tasks);
        let mut waits_for: Vec<Wait> = vec![];
        for wait in plans().flat_map(|plan| &plan.waits_for) {
            if !waits_for.contains(wait) {
                waits_for.push(*wait);
            }
        }
        Plan {
            start: plans().map(|plan| plan.start).sum(),
            stop: plans().flat_map(|plan| plan.stop.clone()).collect(),
            steady: self.steady,
            inactive: self.inactive,
            waits_for,
            look_again: plans().filter_map(|plan| plan.look_again).min(),
            ..Plan::default()
        }
    }
}

impl TaskSetStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
        }
    }
}

impl Stability {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SteadyState => "STEADY_STATE",
            Self::Stabilizing => "STABILIZING",
        }
    }
}
