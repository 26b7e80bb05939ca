use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};

use super::Tags;

/// A node that registered. A serverless one belongs to no cluster and is hidden from users: it is Fargate's capacity.
///
/// Writers: registration writes identity, resources and attributes; Put- and DeleteAttributes `own_attributes`; UpdateContainerInstancesState and
/// DeregisterContainerInstance write `status`; the link writes `connection`. What tasks use is not
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
    pub tags: Tags,
    pub registered_at: UnixMillis,
    pub deregistered_at: Option<UnixMillis>,
    /// Grows with every change that a user can see (`version` of the API).
    pub version: i64,
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
        format!("{account}/{region}/{cluster}/{id}")
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
