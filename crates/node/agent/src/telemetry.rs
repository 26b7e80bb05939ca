//! What TCS tells of the tasks: kept up to date by their drivers, read by the session.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clock::UnixMillis;
use tokio::sync::Notify;

use crate::engine::rules::Health;

/// The tasks that run now, by id.
#[derive(Default)]
pub struct Telemetry {
    tasks: Mutex<BTreeMap<String, TaskTelemetry>>,
    health_changed: Notify,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TaskTelemetry {
    pub arn: String,
    pub cluster_arn: String,
    pub family: String,
    pub version: String,
    pub containers: Vec<ContainerTelemetry>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ContainerTelemetry {
    pub name: String,
    pub arn: Option<String>,
    /// The runtime's id; `None` while there is no process to measure.
    pub running_id: Option<String>,
    pub restarts: Option<u32>,
    /// Of containers that have a health check.
    pub health: Option<(Health, UnixMillis)>,
}

impl Telemetry {
    /// `None`: the task is gone.
    pub fn set(&self, task_id: &str, telemetry: Option<TaskTelemetry>) {
        let mut tasks = self.tasks();
        let health_of = |task: Option<&TaskTelemetry>| -> Vec<Option<(Health, UnixMillis)>> {
            task.map(|task| {
                task.containers
                    .iter()
                    .map(|container| container.health)
                    .collect()
            })
            .unwrap_or_default()
        };
        let before = health_of(tasks.get(task_id));
        let now = health_of(telemetry.as_ref());
        match telemetry {
            Some(telemetry) => tasks.insert(task_id.to_owned(), telemetry),
            None => tasks.remove(task_id),
        };
        drop(tasks);
        if before != now && now.iter().any(Option::is_some) {
            self.health_changed.notify_one();
        }
    }

    pub fn snapshot(&self) -> Vec<(String, TaskTelemetry)> {
        self.tasks()
            .iter()
            .map(|(id, task)| (id.clone(), task.clone()))
            .collect()
    }

    /// Waits until some container's health is other than it was.
    pub async fn health_changed(&self) {
        self.health_changed.notified().await;
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<String, TaskTelemetry>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
