use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use super::{DeploymentRecord, Tags};

// The rules own the states; the tables keep them.
pub use ecs_rules::task_set::{Stability, TaskSetStatus};

/// A task set of a service with the EXTERNAL deployment controller. A part of its service's record: there are at most
/// [`limits::TASK_SETS_PER_SERVICE`] of them.
///
/// Writers: Create-, Update- and DeleteTaskSet and UpdateServicePrimaryTaskSet write what the user asked for, UpdateService
/// the computed count and the placement of new tasks; the service scheduler writes `stability` and drops one that is
/// DRAINING when its last task is gone; whoever writes a task counts its failures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSetRecord {
    /// What its tasks are made of, and how they fare; `id` is the set's, `desired_count` the computed one.
    pub deployment: DeploymentRecord,
    pub status: TaskSetStatus,
    pub scale_percent: f64,
    pub external_id: Option<String>,
    pub stability: Stability,
    pub stability_at: UnixMillis,
    pub tags: Tags,
}

impl TaskSetRecord {
    pub fn id(&self) -> &str {
        &self.deployment.id
    }

    /// Computes the count anew; true if it is another one.
    pub(crate) fn rescale(&mut self, desired_count: i32, now: UnixMillis) -> bool {
        let count = ecs_rules::task_set::computed_desired_count(desired_count, self.scale_percent);
        if self.deployment.desired_count == count {
            return false;
        }
        self.deployment.desired_count = count;
        self.deployment.updated_at = now;
        self.set_stability(Stability::Stabilizing, now);
        true
    }

    pub(crate) fn set_stability(&mut self, stability: Stability, now: UnixMillis) {
        self.stability = stability;
        self.stability_at = now;
    }
}
