//! The tables of this service.

use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};

/// A machine that was let in. It becomes a container instance (or serverless capacity) when its agent registers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRecord {
    pub account: String,
    pub region: String,
    /// What the operator calls it; joining again under this name is the same node.
    pub name: String,
    pub node_id: String,
    /// `SERVERLESS` or `CONTAINER_INSTANCE`.
    pub capacity: String,
    pub cluster: String,
    /// Its present key; the key of an earlier joining is no longer valid.
    pub access_key_id: String,
    pub joined_at: UnixMillis,
}

impl Record for NodeRecord {
    const TABLE: &'static str = "nodes";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: "by_node_id",
            keys: |node| vec![node.node_id.clone()],
        }]
    }
}

impl NodeRecord {
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        format!("{account}/{region}/{name}")
    }
}
