//! The life of a service deployment: when it begins, fails, is rolled back, and when it is done.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html> (states),
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ThresholdConfiguration.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/early-success-criteria.html>.

use std::time::Duration;

use api_ecs::types::{
    DeploymentCircuitBreaker, DeploymentConfiguration, ServiceRevisionCleanup, ThresholdType,
};
use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use super::{
    Wait,
    stages::{HookView, Stage, StageStep, StagesView},
};

/// Failures that the breaker tolerates at least and at most, where the threshold is a bounded percentage.
const BOUNDED_THRESHOLD: std::ops::RangeInclusive<i64> = 3..=200;
const DEFAULT_THRESHOLD_PERCENT: i32 = 50;

/// Where a service deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RolloutStatus {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

/// The service deployment that is under way, as the tables show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutView {
    pub status: RolloutStatus,
    /// None where the circuit breaker is off.
    pub breaker: Option<BreakerView>,
    /// None where no alarms are watched.
    pub alarms: Option<AlarmsView>,
    pub early_success: Option<EarlySuccess>,
    /// How long it is watched after it reached its goal.
    pub bake: Duration,
    /// Since when it has reached its goal.
    pub baking_since: Option<UnixMillis>,
    /// None of a rolling deployment, which has no stages.
    pub stages: Option<StagesView>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerView {
    pub threshold: i32,
    pub failures: i32,
    pub last_failure: Option<UnixMillis>,
    /// A task that becomes healthy forgets the failures before it.
    pub resets: bool,
    pub rollback: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmsView {
    /// Those of the deployment's alarms that are in the state ALARM.
    pub in_alarm: Vec<String>,
    pub rollback: bool,
}

/// When a rolling deployment is a success before all its tasks are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlySuccess {
    pub healthy_percent: i32,
    /// The tasks of the source revision must be gone, too.
    pub blocking: bool,
}

/// What happens to the service deployment now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutStep {
    /// PENDING becomes IN_PROGRESS.
    Begin,
    /// It has reached its goal, and is watched from now on.
    Bake,
    /// Its goal is not reached any more: the bake time begins anew when it is.
    StopBaking,
    /// What was deployed, or what it was rolled back to, is there.
    Complete,
    Fail {
        cause: FailureCause,
        rollback: bool,
    },
    /// A user asked for it.
    RollBack,
    Stop,
    Stage(StageStep),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureCause {
    TasksFailedToStart,
    Alarms(Vec<String>),
    /// A lifecycle hook of this stage said no, or nobody answered in time.
    Hook(String),
}

/// What the tasks say about the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    /// Every task is there and healthy, and nothing of other deployments is left.
    pub settled: bool,
    /// Healthy tasks of the primary deployment.
    pub healthy: i32,
    pub desired: i32,
    /// Tasks of other deployments that nobody asked to stop.
    pub old: i32,
}

impl RolloutStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::StopRequested => "STOP_REQUESTED",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    /// Nothing of it changes any more.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed
        )
    }
}

impl RolloutStep {
    /// What is deployed is not meant any more.
    pub(super) fn is_given_up(&self) -> bool {
        matches!(self, Self::Fail { .. } | Self::RollBack | Self::Stop)
    }
}

impl RolloutView {
    /// What it waits for until then.
    pub(super) fn wait(&self, until: UnixMillis) -> Wait {
        match &self.stages {
            Some(stages) if stages.hooks.iter().any(HookView::is_open) => Wait::Hooks {
                stage: stages.stage,
                expires: until,
            },
            Some(stages) if stages.stage == Stage::ProductionTrafficShift => {
                Wait::Traffic { until }
            }
            _ => Wait::BakeTime { until },
        }
    }
}

impl EarlySuccess {
    /// What a configuration asks for; only of one that was checked.
    pub fn of(configuration: &DeploymentConfiguration) -> Option<Self> {
        let criteria = configuration.early_success_criteria.as_ref()?;
        let cleanup = criteria.source_service_revision_cleanup.as_ref();
        (criteria.enable == Some(true)).then(|| Self {
            healthy_percent: criteria.healthy_percent.unwrap_or(100),
            blocking: cleanup != Some(&ServiceRevisionCleanup::DEFERRED),
        })
    }

    pub(super) fn is_healthy_enough(self, healthy: i32, desired: i32) -> bool {
        i64::from(healthy) >= percent_of(self.healthy_percent, desired)
    }
}

/// The number of failures at which the breaker trips.
pub fn breaker_threshold(breaker: &DeploymentCircuitBreaker, desired_count: i32) -> i32 {
    let asked = breaker.threshold_configuration.as_ref();
    let value = asked
        .and_then(|asked| asked.value)
        .unwrap_or(DEFAULT_THRESHOLD_PERCENT);
    let kind = asked.and_then(|asked| asked.r#type.as_ref());
    let threshold = match kind.map(ThresholdType::as_str) {
        Some("COUNT") => i64::from(value),
        Some("UNBOUNDED_PERCENT") => percent_of(value, desired_count),
        _ => percent_of(value, desired_count)
            .clamp(*BOUNDED_THRESHOLD.start(), *BOUNDED_THRESHOLD.end()),
    };
    i32::try_from(threshold.max(1)).unwrap_or(i32::MAX)
}

/// What becomes of the service deployment, and when time alone changes that.
pub(super) fn step(
    view: &RolloutView,
    facts: Facts,
    now: UnixMillis,
) -> (Option<RolloutStep>, Option<UnixMillis>) {
    let only = |step| (Some(step), None);
    match view.status {
        RolloutStatus::Pending => only(RolloutStep::Begin),
        RolloutStatus::StopRequested => only(RolloutStep::Stop),
        RolloutStatus::RollbackRequested => only(RolloutStep::RollBack),
        // A rollback has nothing to go back to: it is tried until it is done.
        RolloutStatus::RollbackInProgress if facts.settled => only(RolloutStep::Complete),
        RolloutStatus::InProgress => match failure(view) {
            Some(failed) => only(failed),
            None => progress(view, facts, now),
        },
        _ => (None, None),
    }
}

fn failure(view: &RolloutView) -> Option<RolloutStep> {
    if let Some(breaker) = view.breaker
        && breaker.failures >= breaker.threshold
    {
        return Some(RolloutStep::Fail {
            cause: FailureCause::TasksFailedToStart,
            rollback: breaker.rollback,
        });
    }
    let alarms = view.alarms.as_ref()?;
    (!alarms.in_alarm.is_empty()).then(|| RolloutStep::Fail {
        cause: FailureCause::Alarms(alarms.in_alarm.clone()),
        rollback: alarms.rollback,
    })
}

fn progress(
    view: &RolloutView,
    facts: Facts,
    now: UnixMillis,
) -> (Option<RolloutStep>, Option<UnixMillis>) {
    if let Some(stages) = &view.stages {
        return match super::stages::step(stages, facts, now) {
            (StageStep::Wait, look_again) => (None, look_again),
            (StageStep::Done, _) => (Some(RolloutStep::Complete), None),
            (StageStep::Fail { stage }, _) => (
                Some(RolloutStep::Fail {
                    cause: FailureCause::Hook(stage.as_str().to_owned()),
                    rollback: true,
                }),
                None,
            ),
            (step, _) => (Some(RolloutStep::Stage(step)), None),
        };
    }
    let reached = facts.settled
        || view.early_success.is_some_and(|early| {
            early.is_healthy_enough(facts.healthy, facts.desired)
                && (!early.blocking || facts.old == 0)
        });
    match (reached, view.baking_since) {
        (false, None) => (None, None),
        (false, Some(_)) => (Some(RolloutStep::StopBaking), None),
        (true, _) if view.bake.is_zero() => (Some(RolloutStep::Complete), None),
        (true, None) => (Some(RolloutStep::Bake), None),
        (true, Some(since)) if now >= since + view.bake => (Some(RolloutStep::Complete), None),
        (true, Some(since)) => (None, Some(since + view.bake)),
    }
}

/// Rounded up.
fn percent_of(percent: i32, count: i32) -> i64 {
    (i64::from(percent) * i64::from(count) + 99) / 100
}
