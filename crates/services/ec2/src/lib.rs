//! The EC2 API, read-only: the default VPC as ECS's users ask for it. Subnets are records that ECS made
//! (`vpc::SubnetRecord`); VPCs, security groups and zones are what those subnets say of them.

mod answer;
mod facts;
mod filter;
mod ids;
mod operations;

use std::sync::Arc;

use state::{Schema, Store};

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct Config {
    pub region: String,
    /// Base URL of this server, `http://127.0.0.1:4580`.
    pub endpoint: String,
    /// The zone of the nodes.
    pub availability_zone: String,
}

/// The service.
pub struct Ec2 {
    store: Store,
    config: Config,
}

impl Ec2 {
    pub fn new(store: Store, config: Config) -> Arc<Self> {
        Arc::new(Self { store, config })
    }

    pub fn schema(schema: Schema) -> Schema {
        vpc::schema(schema)
    }
}
