use api_ecs::types::{NetworkConfiguration, TaskOverride};
use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};
use wire::Stored;

use super::{ElasticNetworkInterface, Tags};

// The rules own the states; the table keeps them.
pub use ecs_rules::task_state::{DesiredStatus, HealthStatus, TaskStatus};

/// A task that is not yet in the history.
///
/// Writers: RunTask and the service scheduler create it; placement writes `container_instance_key` and
/// `network_interface`; whoever stops it writes `desired_status`, `stop_code`, `stopped_reason` and
/// `stopping_at`, once; the node's submissions write `last_status`, `containers` and the times of the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    pub account: String,
    pub region: String,
    pub cluster: String,
    /// 32 hexadecimal digits.
    pub id: String,
    pub family: String,
    pub revision: i32,
    pub group: String,
    /// Name of the service that owns the task; `daemon:NAME` if it is a daemon.
    pub service: Option<String>,
    /// `ecs-svc/…` of the deployment that started it.
    pub deployment_id: Option<String>,
    pub started_by: Option<String>,
    pub launch_type: String,
    pub capacity_provider: Option<String>,
    pub platform_version: Option<String>,
    pub last_status: TaskStatus,
    pub desired_status: DesiredStatus,
    pub health: HealthStatus,
    pub containers: Vec<ContainerRecord>,
    /// CPU units that placement counts: the task's own, or the sum of its containers.
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub host_ports: Vec<(u16, String)>,
    pub ephemeral_storage_gib: Option<i32>,
    pub enable_execute_command: bool,
    pub overrides: Option<Stored<TaskOverride>>,
    pub network_configuration: Option<Stored<NetworkConfiguration>>,
    pub network_interface: Option<ElasticNetworkInterface>,
    /// Key of the node that runs it, in `ecs_container_instances`.
    pub container_instance_key: Option<String>,
    pub availability_zone: Option<String>,
    /// The node's, as the task's attribute `ecs.cpu-architecture` shows it.
    pub cpu_architecture: Option<String>,
    pub stop_code: Option<String>,
    pub stopped_reason: Option<String>,
    /// Why it was placed where it is, or why it waits.
    pub placement: Option<placement::Explanation>,
    /// What was asked of its node beside room and the definition's attributes.
    #[serde(default)]
    pub placing: Option<Box<PlacingRecord>>,
    /// RunTask's `referenceId`, kept for whoever asks later.
    pub reference_id: Option<String>,
    /// Until when scaling in and deployments leave it alone; UpdateTaskProtection writes it.
    #[serde(default)]
    pub protection_ends_at: Option<UnixMillis>,
    pub tags: Tags,
    pub version: i64,
    pub created_at: UnixMillis,
    pub connected_at: Option<UnixMillis>,
    pub pull_started_at: Option<UnixMillis>,
    pub pull_stopped_at: Option<UnixMillis>,
    pub started_at: Option<UnixMillis>,
    pub stopping_at: Option<UnixMillis>,
    pub execution_stopped_at: Option<UnixMillis>,
    pub stopped_at: Option<UnixMillis>,
}

/// Constraints and strategies of a task: of its request and, for `member_of`, of its definition too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlacingRecord {
    pub distinct_instance: bool,
    /// Expressions of the cluster query language.
    pub member_of: Vec<String>,
    pub strategies: Vec<placement::Strategy>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerRecord {
    pub name: String,
    /// Last part of the container's ARN, a UUID.
    pub id: String,
    pub image: String,
    pub image_digest: Option<String>,
    pub runtime_id: Option<String>,
    pub last_status: String,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
    pub health: HealthStatus,
    pub has_health_check: bool,
    pub essential: bool,
    pub cpu_units: i64,
    pub memory_mib: Option<i64>,
    pub memory_reservation_mib: Option<i64>,
    pub network_bindings: Vec<NetworkBinding>,
    /// How many GPUs it asks for.
    #[serde(default)]
    pub gpus: usize,
    /// Those that it has on its node, from placement on.
    #[serde(default)]
    pub gpu_ids: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkBinding {
    pub bind_ip: Option<String>,
    pub container_port: Option<i32>,
    pub host_port: Option<i32>,
    pub protocol: Option<String>,
    /// Instead of single ports, when the task definition asked for a range.
    pub container_port_range: Option<String>,
    pub host_port_range: Option<String>,
}

impl TaskRecord {
    pub fn key_of(account: &str, region: &str, cluster: &str, id: &str) -> String {
        [account, region, cluster, id].join("/")
    }

    pub fn service_key(account: &str, region: &str, cluster: &str, service: &str) -> String {
        [account, region, cluster, service].join("/")
    }

    /// Of the index `by_family`.
    pub fn family_key(account: &str, region: &str, cluster: &str, family: &str) -> String {
        [account, region, cluster, family].join("/")
    }

    /// Of the index `by_started_by`.
    pub fn started_by_key(account: &str, region: &str, cluster: &str, started_by: &str) -> String {
        [account, region, cluster, started_by].join("/")
    }

    pub fn arn(&self) -> String {
        names::Scope::new(&self.account, &self.region).task(&self.cluster, &self.id)
    }

    /// GPUs that its containers ask for together.
    pub fn gpus(&self) -> i64 {
        let gpus: usize = self.containers.iter().map(|container| container.gpus).sum();
        i64::try_from(gpus).unwrap_or(i64::MAX)
    }

    /// Whether it is the task of a daemon (CreateDaemon).
    pub fn is_of_daemon(&self) -> bool {
        let service = self.service.as_deref();
        service.is_some_and(|name| name.starts_with(super::DAEMON_PREFIX))
    }

    /// When its scale-in protection ends, if it has one now.
    pub fn protected_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.protection_ends_at.filter(|end| *end > now)
    }

    pub fn task_definition_arn(&self) -> String {
        let scope = names::Scope::new(&self.account, &self.region);
        super::task_definition_arn(&scope, &self.family, self.revision)
    }
}

impl Record for TaskRecord {
    const TABLE: &'static str = "ecs_tasks";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.cluster, &self.id)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[
            Index {
                name: "by_service",
                keys: |task| match &task.service {
                    Some(service) => vec![Self::service_key(
                        &task.account,
                        &task.region,
                        &task.cluster,
                        service,
                    )],
                    None => vec![],
                },
            },
            Index {
                name: "by_container_instance",
                keys: |task| task.container_instance_key.iter().cloned().collect(),
            },
            Index {
                name: "by_family",
                keys: |task| {
                    vec![Self::family_key(
                        &task.account,
                        &task.region,
                        &task.cluster,
                        &task.family,
                    )]
                },
            },
            Index {
                name: "by_started_by",
                keys: |task| match &task.started_by {
                    Some(started_by) => vec![Self::started_by_key(
                        &task.account,
                        &task.region,
                        &task.cluster,
                        started_by,
                    )],
                    None => vec![],
                },
            },
            // Small sets that loops need whole: what waits for a place, what waits for the archive.
            Index {
                name: "by_work",
                keys: |task| {
                    if task.last_status == TaskStatus::Stopped {
                        vec!["stopped".into()]
                    } else if task.container_instance_key.is_none() {
                        vec!["unplaced".into()]
                    } else {
                        vec![]
                    }
                },
            },
        ]
    }
}
