//! What the agent writes down: who it is, which tasks it has, how far their logs are shipped.

use clock::UnixMillis;
use link::acs;
use runtime::LogCursor;
use serde::{Deserialize, Serialize};
use state::{Record, Schema};

use crate::engine::rules::TaskStatus;

/// All tables of the agent.
pub fn schema() -> Schema {
    Schema::new()
        .table::<NodeRecord>()
        .table::<TaskRecord>()
        .table::<LogCursorRecord>()
}

/// The node itself; there is one row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeRecord {
    pub container_instance_arn: Option<String>,
    /// Highest of all manifests and payloads: an older manifest is not believed (agent protocol §3.3).
    pub timeline: i64,
}

impl NodeRecord {
    pub const KEY: &'static str = "node";
}

impl Record for NodeRecord {
    const TABLE: &'static str = "agent_node";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

/// A task that this node was given. It goes when STOPPED was acknowledged and nothing of it is left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Last part of the ARN.
    pub id: String,
    /// As it came, without credentials.
    pub payload: acs::Task,
    pub stop_wanted: bool,
    pub status: TaskStatus,
    /// Why the task as a whole failed; most failures are a container's.
    pub reason: Option<String>,
    pub containers: Vec<ContainerRecord>,
    pub received_at: UnixMillis,
    /// The machine's boot in which the task came; nothing of an earlier one runs.
    #[serde(default)]
    pub boot_id: String,
    pub pull_started_at: Option<UnixMillis>,
    pub pull_stopped_at: Option<UnixMillis>,
    pub execution_stopped_at: Option<UnixMillis>,
    /// The control plane knows that the task is STOPPED; only cleaning up is left.
    pub stop_acknowledged: bool,
}

/// What is known of one container, in the order of the payload.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerRecord {
    pub image_digest: Option<String>,
    /// How often it was started again by its restart policy.
    pub restarts: u32,
    pub started_at: Option<UnixMillis>,
    pub stopped: Option<ContainerEnd>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerEnd {
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

impl TaskRecord {
    pub fn new(id: String, mut payload: acs::Task, received_at: UnixMillis) -> Self {
        // Secrets live in memory only; the control plane sends them again after a restart.
        payload.role_credentials = None;
        payload.execution_role_credentials = None;
        Self {
            id,
            stop_wanted: payload.desired_status.as_deref() == Some(acs::DESIRED_STOPPED),
            status: TaskStatus::Pending,
            reason: None,
            containers: vec![ContainerRecord::default(); payload.containers.len()],
            received_at,
            boot_id: String::new(),
            pull_started_at: None,
            pull_stopped_at: None,
            execution_stopped_at: None,
            stop_acknowledged: false,
            payload,
        }
    }

    pub fn arn(&self) -> &str {
        self.payload.arn.as_deref().unwrap_or_default()
    }

    pub fn cluster_arn(&self) -> &str {
        self.payload.task_cluster_arn.as_deref().unwrap_or_default()
    }
}

impl Record for TaskRecord {
    const TABLE: &'static str = "agent_tasks";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.id.clone()
    }
}

/// How far a container's log has reached CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogCursorRecord {
    pub container_id: String,
    pub cursor: LogCursor,
}

impl Record for LogCursorRecord {
    const TABLE: &'static str = "agent_log_cursors";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.container_id.clone()
    }
}
