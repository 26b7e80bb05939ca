//! Plans as text, for explanations and golden tests.

use std::fmt;

use super::{
    Plan, RebalanceStep, StopCause, Wait,
    rollout::{FailureCause, RolloutStep},
    stages::StageStep,
};

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.start_on.is_empty() {
            parts.push(format!("start on {}", self.start_on.join(", ")));
        } else if self.start > 0 {
            parts.push(format!("start {}", self.start));
        }
        if self.start_source > 0 {
            parts.push(format!("start {} of the source", self.start_source));
        }
        for stop in &self.stop {
            parts.push(format!("stop {} ({})", stop.key, stop.cause));
        }
        for deployment in &self.drop_deployments {
            parts.push(format!("drop {deployment}"));
        }
        for (set, word) in [
            (self.forget_failures, "forget failures"),
            (self.complete, "complete"),
            (self.steady, "steady"),
            (self.inactive, "inactive"),
        ] {
            if set {
                parts.push(word.to_owned());
            }
        }
        match &self.rollout {
            None | Some(RolloutStep::Complete) => {}
            Some(step) => parts.push(step.to_string()),
        }
        if let Some(step) = &self.rebalance {
            parts.push(step.to_string());
        }
        parts.extend(self.waits_for.iter().map(|wait| format!("waits: {wait}")));
        if parts.is_empty() {
            return formatter.write_str("nothing");
        }
        formatter.write_str(&parts.join("; "))
    }
}

impl fmt::Display for StopCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Scaling { .. } => "scaling",
            Self::Rebalancing { .. } => "rebalancing",
            Self::FailedHealthChecks => "unhealthy",
            Self::ServiceDeleted => "deleted",
        })
    }
}

impl fmt::Display for RebalanceStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { zones, .. } => {
                write!(formatter, "start 1 in {} (rebalancing)", zones.join(" or "))
            }
            Self::Moved => formatter.write_str("moved"),
            Self::GiveUp => formatter.write_str("give the move up"),
            Self::Forget => formatter.write_str("forget the move"),
            Self::Balanced { .. } => formatter.write_str("balanced"),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TasksToStart(count) => write!(formatter, "{count} to start"),
            Self::TasksToStop(count) => write!(formatter, "{count} to stop"),
            Self::Room => formatter.write_str("a node with room"),
            Self::Failed => formatter.write_str("another deployment: this one has failed"),
            Self::BakeTime { until } => write!(formatter, "the bake time, until {until:?}"),
            Self::Hooks { stage, .. } => write!(formatter, "hooks of {}", stage.as_str()),
            Self::Traffic { until } => {
                write!(formatter, "the next step of traffic, at {until:?}")
            }
            Self::Percentages => formatter.write_str("minimumHealthyPercent and maximumPercent"),
            Self::Rebalancing => formatter.write_str("a task in another Availability Zone"),
            Self::ProtectedTasks => formatter.write_str("the protection of its tasks"),
            Self::Paced { short_runs } => {
                write!(formatter, "{short_runs} tasks in a row ended at once")
            }
            Self::Throttled { failed_tasks } => {
                write!(formatter, "{failed_tasks} tasks in a row did not start")
            }
        }
    }
}

impl fmt::Display for RolloutStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin => formatter.write_str("begin"),
            Self::Bake => formatter.write_str("bake"),
            Self::StopBaking => formatter.write_str("stop baking"),
            Self::Complete => formatter.write_str("complete"),
            Self::Fail { cause, rollback } => {
                let then = if *rollback { ", roll back" } else { "" };
                write!(formatter, "fail ({cause}){then}")
            }
            Self::RollBack => formatter.write_str("roll back"),
            Self::Stop => formatter.write_str("stop the deployment"),
            Self::Stage(step) => write!(formatter, "{step}"),
        }
    }
}

impl fmt::Display for FailureCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TasksFailedToStart => formatter.write_str("tasks failed to start"),
            Self::Alarms(names) => write!(formatter, "alarms {}", names.join(", ")),
            Self::Hook(stage) => write!(formatter, "hook of {stage}"),
        }
    }
}

impl fmt::Display for StageStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait => formatter.write_str("wait"),
            Self::Enter(stage) => write!(formatter, "enter {}", stage.as_str()),
            Self::OpenHooks => formatter.write_str("open hooks"),
            Self::Answer { hook, status } => write!(formatter, "{hook} {}", status.as_str()),
            Self::TimeOut { hook } => write!(formatter, "time {hook} out"),
            Self::ShiftProduction { permille } => {
                write!(formatter, "production traffic {permille}/1000")
            }
            Self::ShiftTest => formatter.write_str("test traffic"),
            Self::Fail { stage } => write!(formatter, "fail in {}", stage.as_str()),
            Self::Done => formatter.write_str("done"),
        }
    }
}
