//! What a node's report does to a task. States only move forward, and applying a report twice is applying it once:
//! agents repeat reports until they are acknowledged, and after restarts.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>, and what
//! `amazon-ecs-agent` submits when.

use serde::{Deserialize, Serialize};

/// AWS's task life cycle. Forward only: the order of the variants is the order of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskStatus {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DesiredStatus {
    Running,
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HealthStatus {
    Healthy,
    Unhealthy,
    Unknown,
}

/// The life of a container as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerStatus {
    Pending,
    Running,
    Stopped,
}

/// Why a task stopped, once and for all: the first cause wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub code: &'static str,
    pub reason: String,
}

/// The part of a task that reports change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    pub last_status: TaskStatus,
    pub desired_status: DesiredStatus,
    /// It has been RUNNING, or one of its containers has.
    pub has_started: bool,
    /// Set when this rule decides that the task stops; a cause from elsewhere is the caller's to keep.
    pub stop: Option<Stop>,
    pub containers: Vec<ContainerState>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    pub name: String,
    pub essential: bool,
    pub status: ContainerStatus,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

/// What a node says, of the whole task or of some containers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub status: Option<ContainerStatus>,
    pub reason: Option<String>,
    pub containers: Vec<ContainerReport>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerReport {
    pub name: String,
    pub status: Option<ContainerStatus>,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

pub mod stop_code {
    pub const TASK_FAILED_TO_START: &str = "TaskFailedToStart";
    pub const ESSENTIAL_CONTAINER_EXITED: &str = "EssentialContainerExited";
    pub const USER_INITIATED: &str = "UserInitiated";
    pub const SERVICE_SCHEDULER_INITIATED: &str = "ServiceSchedulerInitiated";
    pub const INFRASTRUCTURE_HEALTH: &str = "InfrastructureHealth";
    pub const SPOT_INTERRUPTION: &str = "SpotInterruption";
}

pub mod stopped_reason {
    pub const ESSENTIAL_CONTAINER_EXITED: &str = "Essential container in task exited";
    pub const TASK_FAILED_TO_START: &str = "Task failed to start";
    pub const STOPPED_BY_USER: &str = "Task stopped by user";
    pub const SPOT_INTERRUPTED: &str = "Your Spot Task was interrupted.";
}

/// Applies a report. A task that is STOPPED stays as it is.
pub fn apply(task: &mut TaskState, report: &Report) {
    if task.last_status == TaskStatus::Stopped {
        return;
    }
    for reported in &report.containers {
        let known = task
            .containers
            .iter_mut()
            .find(|container| container.name == reported.name);
        if let Some(container) = known {
            apply_to_container(container, reported);
        }
    }
    match report.status {
        Some(ContainerStatus::Pending) => advance(task, TaskStatus::Pending),
        Some(ContainerStatus::Running) => {
            task.has_started = true;
            advance(task, TaskStatus::Running);
        }
        Some(ContainerStatus::Stopped) | None => {}
    }
    if task.containers.iter().any(has_run) {
        task.has_started = true;
    }
    let essential_stopped = task
        .containers
        .iter()
        .any(|container| container.essential && container.status == ContainerStatus::Stopped);
    let is_stopped = report.status == Some(ContainerStatus::Stopped);
    if (is_stopped || essential_stopped) && task.desired_status == DesiredStatus::Running {
        task.desired_status = DesiredStatus::Stopped;
        task.stop = Some(cause(task, report));
    }
    if is_stopped {
        for container in &mut task.containers {
            container.status = ContainerStatus::Stopped;
        }
        advance(task, TaskStatus::Stopped);
    } else if essential_stopped {
        advance(task, TaskStatus::Stopping);
    }
}

/// The health of a task: that of its essential containers, the worst first.
pub fn task_health(essential: impl IntoIterator<Item = HealthStatus>) -> HealthStatus {
    let mut result = None;
    for health in essential {
        result = Some(match (result, health) {
            (Some(HealthStatus::Unhealthy), _) | (_, HealthStatus::Unhealthy) => {
                HealthStatus::Unhealthy
            }
            (Some(HealthStatus::Unknown), _) | (_, HealthStatus::Unknown) => HealthStatus::Unknown,
            (_, HealthStatus::Healthy) => HealthStatus::Healthy,
        });
    }
    result.unwrap_or(HealthStatus::Unknown)
}

impl TaskStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

impl DesiredStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

impl HealthStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl ContainerStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }

    /// The agent says RUNNING, STOPPED, and PENDING for all that comes before; older ones name the stages.
    pub fn parse(status: &str) -> Option<Self> {
        match status {
            "RUNNING" | "RESOURCES_PROVISIONED" => Some(Self::Running),
            "STOPPED" => Some(Self::Stopped),
            "PENDING" | "NONE" | "MANIFEST_PULLED" | "PULLED" | "CREATED" | "ACTIVATING" => {
                Some(Self::Pending)
            }
            _ => None,
        }
    }
}

fn apply_to_container(container: &mut ContainerState, reported: &ContainerReport) {
    if container.status == ContainerStatus::Stopped {
        return;
    }
    if let Some(status) = reported.status {
        container.status = container.status.max(status);
    }
    if reported.exit_code.is_some() {
        container.exit_code = reported.exit_code;
    }
    if reported
        .reason
        .as_ref()
        .is_some_and(|reason| !reason.is_empty())
    {
        container.reason.clone_from(&reported.reason);
    }
}

fn advance(task: &mut TaskState, status: TaskStatus) {
    task.last_status = task.last_status.max(status);
}

fn has_run(container: &ContainerState) -> bool {
    match container.status {
        ContainerStatus::Pending => false,
        ContainerStatus::Running => true,
        // A dependency that failed gives code 143 to a container that never ran.
        ContainerStatus::Stopped => container.exit_code.is_some() && !failed_to_start(container),
    }
}

fn failed_to_start(container: &ContainerState) -> bool {
    const STARTS: [&str; 8] = [
        "Cannot",
        "ResourceInitializationError",
        "TaskDependencyError",
        "ContainerNetworkingError",
        "HostConfigError",
        "InvalidVolumeError",
        "TaskStoppedBeforePullBeginError",
        "DockerTimeoutError",
    ];
    container.status == ContainerStatus::Stopped
        && container.reason.as_ref().is_some_and(|reason| {
            STARTS.iter().any(|start| reason.starts_with(start))
                && !reason.starts_with("CannotStopContainerError")
        })
}

fn cause(task: &TaskState, report: &Report) -> Stop {
    let reported = report.reason.clone().filter(|reason| !reason.is_empty());
    if !task.has_started
        || task
            .containers
            .iter()
            .any(|c| c.essential && failed_to_start(c))
    {
        let of_container = || {
            let failed = task.containers.iter().filter(|c| failed_to_start(c));
            let first = failed.max_by_key(|container| container.essential);
            first.and_then(|container| container.reason.clone())
        };
        return Stop {
            code: stop_code::TASK_FAILED_TO_START,
            reason: reported
                .or_else(of_container)
                .unwrap_or_else(|| stopped_reason::TASK_FAILED_TO_START.into()),
        };
    }
    Stop {
        code: stop_code::ESSENTIAL_CONTAINER_EXITED,
        reason: reported.unwrap_or_else(|| stopped_reason::ESSENTIAL_CONTAINER_EXITED.into()),
    }
}

#[cfg(test)]
mod tests;
