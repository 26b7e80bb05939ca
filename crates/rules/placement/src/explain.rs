//! Why a placement came out as it did, small enough to be kept with every task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Filter;

/// Counts by filter, and the node that came nearest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub considered: u32,
    pub fitting: u32,
    /// How many nodes each filter ruled out; a node counts once, at the first filter that it fails.
    pub refused: BTreeMap<Filter, u32>,
    pub nearest_miss: Option<NearestMiss>,
    /// What each strategy saw of the chosen node, in their order: tasks of the group with the same value of the
    /// attribute or on the same node, CPU units or MiB left. Ends where the choice was random.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranks: Vec<i64>,
}

/// The node that passed the most filters and lacked the least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestMiss {
    pub node: String,
    pub filter: Filter,
    /// CPU units, MiB or GPUs that were missing; 0 for the other filters.
    pub lacking: i64,
}
