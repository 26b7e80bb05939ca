//! The ECS API and its loops. Rooms: `records` (tables), `operations` (one file each), `loops` (one file each),
//! `link` (the server's side of ACS and TCS), `render` (records → API shapes), `usage` (what tasks use of nodes).

mod access;
mod account_settings;
mod answer;
mod archive;
mod assign;
mod bootstrap;
mod client_token;
mod counts;
mod daemons;
mod deployments;
pub mod events;
mod explain;
mod hook_calls;
mod image_pins;
mod launch;
pub mod link;
mod lookup;
pub mod loops;
mod operations;
mod queried;
pub mod records;
mod render;
mod report;
mod reservations;
mod service_events;
mod spot;
mod task_credentials;
mod tasks;
mod usage;
#[cfg(test)]
mod view_tests;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use clock::Clock;
use history::History;
use state::{Schema, Store};

pub use bootstrap::Defaults;
pub use explain::ServiceExplanation;
pub use loops::rehearsal;
pub use reservations::{Reservation, reservations};
pub use task_credentials::{IssueCredentials, IssuedCredentials, RoleType, WantedCredentials};
pub use tasks::Wanted;
pub use usage::NodeUsage;

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct Config {
    pub account: String,
    pub region: String,
    /// Base URL that agents are told, `http://127.0.0.1:4580`.
    pub endpoint: String,
    /// Addresses of the default subnet, `172.31.0.0/20`.
    pub default_subnet_cidr: String,
    pub availability_zone: String,
    /// How long a node may be away before its tasks are given up, STOPPED and replaced. `None`: without end.
    pub node_lost_after: Option<Duration>,
}

/// The service. Cheap to share behind an [`Arc`]; operations and loops hang on it.
pub struct Ecs {
    pub(crate) store: Store,
    pub(crate) history: Arc<History>,
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) sessions: link::Sessions,
    pub(crate) issuer: OnceLock<Arc<dyn IssueCredentials>>,
}

impl Ecs {
    pub fn new(store: Store, history: Arc<History>, clock: Clock, config: Config) -> Arc<Self> {
        Arc::new(Self {
            store,
            history,
            clock,
            config,
            sessions: link::Sessions::default(),
            issuer: OnceLock::new(),
        })
    }

    /// Registers the tables and views of ECS.
    pub fn schema(schema: Schema) -> Schema {
        use records::*;
        let schema = kit::facts::schema(schema);
        vpc::schema(schema)
            .table::<ClusterRecord>()
            .table::<TaskDefinitionRecord>()
            .table::<FamilyRecord>()
            .table::<TaskRecord>()
            .table::<ContainerInstanceRecord>()
            .table::<ServiceRecord>()
            .table::<ServiceEventRecord>()
            .table::<ServiceRevisionRecord>()
            .table::<ServiceDeploymentRecord>()
            .table::<ClientTokenRecord>()
            .table::<AccountSettingRecord>()
            .table::<CapacityProviderRecord>()
            .view::<NodeUsage>()
            .view::<counts::ClusterCounts>()
    }
}
