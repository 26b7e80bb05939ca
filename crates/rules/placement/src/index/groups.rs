//! Where the tasks of each group are.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::pool::Slot;
use crate::{AVAILABILITY_ZONE, Node, Standing};

/// The groups that have tasks.
#[derive(Debug, Default)]
pub(super) struct Groups(HashMap<Arc<str>, Group>);

/// The tasks of one group, but for those that are stopping.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Tasks by node.
    pub nodes: BTreeMap<Slot, usize>,
    /// Tasks on candidates by Availability Zone: nearly every choice spreads over zones, and a large group is on many
    /// nodes. Nodes without a zone have the empty one together.
    pub zones: BTreeMap<Box<str>, i64>,
}

impl Groups {
    pub fn get(&self, group: &str) -> Option<&Group> {
        self.0.get(group)
    }

    /// The name as all share it.
    pub fn name(&self, group: &str) -> Arc<str> {
        let known = self.0.get_key_value(group);
        known.map_or_else(|| Arc::from(group), |(name, _)| Arc::clone(name))
    }

    /// Counts a task of the group. `node` is what is known of the slot's node.
    pub fn count(&mut self, name: &Arc<str>, slot: Slot, node: Option<&Node>, sign: i64) {
        let group = self.0.entry(Arc::clone(name)).or_default();
        let tasks = group.nodes.entry(slot).or_insert(0);
        *tasks = tasks
            .checked_add_signed(sign as isize)
            .expect("only what was counted before is taken away");
        if *tasks == 0 {
            group.nodes.remove(&slot);
        }
        if let Some(zone) = node.and_then(zone_of_candidate) {
            group.count_zone(zone, sign);
        }
        if group.nodes.is_empty() {
            self.0.remove(name);
        }
    }

    /// The node's tasks count in its zone from now on, or with `sign` −1 no longer.
    pub fn count_zones(&mut self, node: &Node, sign: i64) {
        let Some(zone) = zone_of_candidate(node) else {
            return;
        };
        for (name, tasks) in &node.used.groups {
            if let Some(group) = self.0.get_mut(name) {
                group.count_zone(zone, sign * i64::try_from(*tasks).unwrap_or(0));
            }
        }
    }
}

impl Group {
    fn count_zone(&mut self, zone: &str, tasks: i64) {
        let Some(known) = self.zones.get_mut(zone) else {
            self.zones.insert(zone.into(), tasks);
            return;
        };
        *known += tasks;
        if *known == 0 {
            self.zones.remove(zone);
        }
    }
}

/// None when the node is no candidate.
fn zone_of_candidate(node: &Node) -> Option<&str> {
    let is_candidate = node.facts.standing != Standing::Inactive;
    is_candidate.then(|| {
        node.facts
            .attributes
            .get(AVAILABILITY_ZONE)
            .unwrap_or_default()
    })
}
