//! Why a placement came out as it did, small enough to be kept with every task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Filter, filter::Refusal};

/// Counts by filter, and the node that came nearest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub considered: u32,
    pub fitting: u32,
    /// How many nodes each filter ruled out; a node counts once, at the first filter that it fails.
    pub refused: BTreeMap<Filter, u32>,
    pub nearest_miss: Option<NearestMiss>,
}

/// The node that passed the most filters and lacked the least.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestMiss {
    pub node: String,
    pub filter: Filter,
    /// CPU units or MiB that were missing; 0 for the other filters.
    pub lacking: i64,
}

impl Explanation {
    pub(crate) fn note(&mut self, node: &str, refusal: Refusal) {
        *self.refused.entry(refusal.filter).or_insert(0) += 1;
        let is_nearer = self.nearest_miss.as_ref().is_none_or(|known| {
            (refusal.filter, -refusal.lacking) > (known.filter, -known.lacking)
        });
        if is_nearer {
            self.nearest_miss = Some(NearestMiss {
                node: node.to_owned(),
                filter: refusal.filter,
                lacking: refusal.lacking,
            });
        }
    }
}
