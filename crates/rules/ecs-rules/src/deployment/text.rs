//! Plans as text, for explanations and golden tests.

use std::fmt;

use super::{Plan, StopCause, Wait};

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.start > 0 {
            parts.push(format!("start {}", self.start));
        }
        for stop in &self.stop {
            parts.push(format!("stop {} ({})", stop.key, stop.cause));
        }
        for deployment in &self.drop_deployments {
            parts.push(format!("drop {deployment}"));
        }
        for (set, word) in [
            (self.complete, "complete"),
            (self.steady, "steady"),
            (self.inactive, "inactive"),
        ] {
            if set {
                parts.push(word.to_owned());
            }
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
            Self::FailedHealthChecks => "unhealthy",
            Self::ServiceDeleted => "deleted",
        })
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TasksToStart(count) => write!(formatter, "{count} to start"),
            Self::TasksToStop(count) => write!(formatter, "{count} to stop"),
            Self::Percentages => formatter.write_str("minimumHealthyPercent and maximumPercent"),
            Self::Paced { short_runs } => {
                write!(formatter, "{short_runs} tasks in a row ended at once")
            }
            Self::Throttled { failed_tasks } => {
                write!(formatter, "{failed_tasks} tasks in a row did not start")
            }
        }
    }
}
