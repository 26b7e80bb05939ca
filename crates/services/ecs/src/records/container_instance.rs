use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};

use super::Tags;

// The rules own the name; registrations are checked there.
pub use ecs_rules::node::CAPACITY_PROVIDER_ATTRIBUTE;

/// A node that registered. A serverless one belongs to no cluster and is hidden from users: it is Fargate's capacity.
///
/// Writers: registration writes identity, resources and attributes; Put- and DeleteAttributes `own_attributes`; UpdateContainerInstancesState and
/// DeregisterContainerInstance write `status`, and so does the loop `instance_lifecycle` of one that is about to be terminated; the link writes `connection`; the loop `daemon_guard` writes `awaited_daemons`. What tasks use is not
/// here: the view [`crate::usage::NodeUsage`] derives it from the tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerInstanceRecord {
    pub account: String,
    pub region: String,
    /// Empty for serverless capacity, which serves every cluster.
    pub cluster: String,
    /// 32 hexadecimal digits.
    pub id: String,
    /// The node principal that registered it; only that one may speak for it.
    pub node_id: String,
    pub capacity: Capacity,
    pub status: ContainerInstanceStatus,
    pub status_reason: Option<String>,
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub reserved_tcp_ports: Vec<u16>,
    pub reserved_udp_ports: Vec<u16>,
    #[serde(default)]
    pub gpu_ids: Vec<String>,
    /// The agent's and the server's, as of the last registration.
    pub attributes: Vec<Attribute>,
    /// Those that users put there (PutAttributes); they outlive registrations.
    #[serde(default)]
    pub own_attributes: Vec<Attribute>,
    pub availability_zone: String,
    pub agent_version: String,
    pub agent_hash: String,
    pub docker_version: String,
    pub connection: AgentConnection,
    /// Critical daemons that do not run here: until they do, no other task is placed here.
    #[serde(default)]
    pub awaited_daemons: Vec<AwaitedDaemon>,
    pub tags: Tags,
    pub registered_at: UnixMillis,
    pub deregistered_at: Option<UnixMillis>,
    /// Grows with every change that a user can see (`version` of the API).
    pub version: i64,
}

/// A critical daemon that does not run on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwaitedDaemon {
    pub name: String,
    /// It ran, or should have, and ended or became unhealthy: services move their tasks elsewhere meanwhile.
    pub has_failed: bool,
}

/// Whose capacity a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capacity {
    /// Gantry's own: FARGATE and FARGATE_SPOT.
    Serverless,
    /// The user's: EC2 launch type.
    ContainerInstance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContainerInstanceStatus {
    Active,
    Draining,
    Inactive,
}

/// Whether the agent's ACS connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentConnection {
    pub connected: bool,
    pub changed_at: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    pub name: String,
    pub value: Option<String>,
}

impl ContainerInstanceRecord {
    pub fn key_of(account: &str, region: &str, cluster: &str, id: &str) -> String {
        [account, region, cluster, id].join("/")
    }

    pub fn arn(&self) -> String {
        let scope = names::Scope::new(&self.account, &self.region);
        // Without a cluster the long format has no place for one; the old format is understood everywhere.
        if self.cluster.is_empty() {
            return scope.arn("ecs", &format!("container-instance/{}", self.id));
        }
        scope.container_instance(&self.cluster, &self.id)
    }

    pub fn all_attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().chain(&self.own_attributes)
    }

    /// The capacity provider that it says it belongs to.
    pub fn capacity_provider(&self) -> Option<&str> {
        let mut attributes = self.all_attributes();
        let own = attributes.find(|attribute| attribute.name == CAPACITY_PROVIDER_ATTRIBUTE)?;
        own.value.as_deref().filter(|value| !value.is_empty())
    }

    /// Whether services take their tasks away from here.
    pub fn is_being_left(&self) -> bool {
        let has_failed = |daemon: &AwaitedDaemon| daemon.has_failed;
        self.status == ContainerInstanceStatus::Draining
            || self.awaited_daemons.iter().any(has_failed)
    }

    /// The status that users see: as on AWS, an instance takes tasks when its critical daemons run.
    pub fn shown_status(&self) -> &'static str {
        match self.status {
            ContainerInstanceStatus::Active if self.is_being_left() => "DRAINING",
            ContainerInstanceStatus::Active if !self.awaited_daemons.is_empty() => "REGISTERING",
            status => status.as_str(),
        }
    }

    /// The node is gone for good; so are the tasks that it had.
    pub(crate) fn deregister(&mut self, now: UnixMillis) {
        self.status = ContainerInstanceStatus::Inactive;
        self.deregistered_at = Some(now);
        self.connection = AgentConnection {
            connected: false,
            changed_at: now,
        };
        self.version += 1;
    }
}

impl Record for ContainerInstanceRecord {
    const TABLE: &'static str = "ecs_container_instances";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.cluster, &self.id)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[
            Index {
                name: "by_node",
                keys: |record| vec![record.node_id.clone()],
            },
            Index {
                name: "by_id",
                keys: |record| vec![record.id.clone()],
            },
        ]
    }
}

impl ContainerInstanceStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
            Self::Inactive => "INACTIVE",
        }
    }
}
