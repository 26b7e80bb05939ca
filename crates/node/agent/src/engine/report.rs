//! What the control plane is told of a task: a picture of it, sent when it differs from the last one that was taken in.

use api_ecs::types::{ContainerStateChange, SubmitTaskStateChangeRequest};
use clock::UnixMillis;
use wire::Timestamp;

use super::rules::{Phase, TaskStatus, TaskView};
use crate::records::TaskRecord;

// Longer texts are cut before they are sent (agent protocol §1.3).
const REASON_CHARACTERS: usize = 1024;
const DIGEST_CHARACTERS: usize = 255;

/// A task as it is reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub status: TaskStatus,
    reason: Option<String>,
    containers: Vec<ContainerReport>,
    pull_started_at: Option<UnixMillis>,
    pull_stopped_at: Option<UnixMillis>,
    execution_stopped_at: Option<UnixMillis>,
}

#[derive(Debug, Clone, PartialEq)]
struct ContainerReport {
    name: String,
    status: &'static str,
    runtime_id: Option<String>,
    image_digest: Option<String>,
    exit_code: Option<i32>,
    reason: Option<String>,
}

impl Report {
    /// `container_ids` are the runtime's, in the order of the containers.
    pub fn of(record: &TaskRecord, view: &TaskView, container_ids: &[String]) -> Self {
        let containers = record
            .payload
            .containers
            .iter()
            .zip(&record.containers)
            .zip(&view.containers);
        let containers = containers
            .zip(container_ids)
            .map(|(((payload, known), view), id)| {
                let end = known.stopped.clone().unwrap_or_default();
                ContainerReport {
                    name: payload.name.clone().unwrap_or_default(),
                    status: match view.phase {
                        Phase::Waiting | Phase::Starting => "PENDING",
                        Phase::Running | Phase::Stopping => "RUNNING",
                        Phase::Stopped => "STOPPED",
                    },
                    runtime_id: known.started_at.map(|_| id.clone()),
                    image_digest: known.image_digest.clone(),
                    exit_code: end.exit_code,
                    reason: end.reason,
                }
            });
        Self {
            status: record.status,
            reason: record.reason.clone(),
            containers: containers.collect(),
            pull_started_at: record.pull_started_at,
            pull_stopped_at: record.pull_stopped_at,
            execution_stopped_at: record.execution_stopped_at,
        }
    }

    pub fn request(&self, cluster: &str, task_arn: &str) -> SubmitTaskStateChangeRequest {
        let time = |at: Option<UnixMillis>| at.map(|at| Timestamp::from_millis(at.as_millis()));
        SubmitTaskStateChangeRequest {
            cluster: Some(cluster.to_owned()),
            task: Some(task_arn.to_owned()),
            status: Some(self.status.as_str().to_owned()),
            reason: self
                .reason
                .as_deref()
                .map(|reason| cut(reason, REASON_CHARACTERS)),
            containers: Some(
                self.containers
                    .iter()
                    .map(ContainerReport::change)
                    .collect(),
            ),
            pull_started_at: time(self.pull_started_at),
            pull_stopped_at: time(self.pull_stopped_at),
            execution_stopped_at: time(self.execution_stopped_at),
            ..Default::default()
        }
    }
}

impl ContainerReport {
    fn change(&self) -> ContainerStateChange {
        ContainerStateChange {
            container_name: Some(self.name.clone()),
            status: Some(self.status.to_owned()),
            runtime_id: self.runtime_id.clone(),
            image_digest: self
                .image_digest
                .as_deref()
                .map(|digest| cut(digest, DIGEST_CHARACTERS)),
            exit_code: self.exit_code,
            reason: self
                .reason
                .as_deref()
                .map(|reason| cut(reason, REASON_CHARACTERS)),
            ..Default::default()
        }
    }
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}
