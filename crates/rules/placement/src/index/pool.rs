//! The nodes of one cluster, and what changed of them lately.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Placement,
    groups::{Group, Groups},
    question::Questions,
};
use crate::{AVAILABILITY_ZONE, Attributes, Facts, Holding, Need, Node, Standing, Strategy, Used};

/// Position of a node; free ones are used again.
pub(super) type Slot = u32;

/// Groups on at most this many nodes are always reckoned with when a question is answered; a larger one gets a question of
/// its own, which keeps the group's tasks in the order, once reckoning has cost more than that.
const SMALL_GROUP_NODES: usize = 64;
/// Nodes of a group that are reckoned with in the time that looking at a node takes.
const RECKONED_PER_LOOK: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Pool {
    nodes: Nodes,
    slots_by_id: HashMap<Arc<str>, Slot>,
    free: Vec<Slot>,
    /// Nodes by Availability Zone.
    zones: BTreeMap<Box<str>, usize>,
    /// Kept up to date by asking, so behind a lock: askers have the pool shared.
    questions: Mutex<Questions>,
}

/// What questions look at.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    slots: Vec<Place>,
    changes: Changes,
    groups: Groups,
}

#[derive(Debug, Default)]
struct Place {
    /// Without facts as long as only tasks spoke of it.
    node: Option<Node>,
    waiting: Option<(Arc<str>, Used)>,
    /// Number of its newest change.
    changed: u64,
}

/// Which slots changed, oldest first; the oldest are dropped, and who has not seen them begins anew.
#[derive(Debug, Default)]
struct Changes {
    slots: VecDeque<Slot>,
    /// Number of the first of `slots`.
    first: u64,
}

impl Pool {
    pub fn set(&mut self, facts: Facts) {
        let slot = self.slot(&facts.id);
        self.count_zone(&facts.attributes, true);
        let Nodes { slots, groups, .. } = &mut self.nodes;
        let place = &mut slots[slot as usize];
        if let Some(node) = &place.node {
            groups.count_zones(node, -1);
        }
        let mut before = None;
        match &mut place.node {
            Some(node) => before = Some(std::mem::replace(&mut node.facts, facts).attributes),
            None => {
                let used = place.waiting.take().map(|(_, used)| used);
                place.node = Some(Node {
                    facts,
                    used: used.unwrap_or_default(),
                });
            }
        }
        if let Some(node) = &place.node {
            groups.count_zones(node, 1);
        }
        if let Some(before) = before {
            self.count_zone(&before, false);
        }
        self.nodes.note(slot);
    }

    pub fn remove(&mut self, id: &str) {
        let Some(&slot) = self.slots_by_id.get(id) else {
            return;
        };
        let Nodes { slots, groups, .. } = &mut self.nodes;
        let place = &mut slots[slot as usize];
        if let Some(node) = place.node.take() {
            groups.count_zones(&node, -1);
            place.waiting = Some((node.facts.id, node.used));
            self.count_zone(&node.facts.attributes, false);
        }
        self.nodes.note(slot);
        self.free_if_unused(slot);
    }

    pub fn count(&mut self, id: &str, holding: &Holding<'_>, sign: i64) {
        let slot = self.slot(&Arc::from(id));
        let group = self.nodes.groups.name(holding.group);
        if !holding.is_stopping {
            let Nodes { slots, groups, .. } = &mut self.nodes;
            let node = slots[slot as usize].node.as_ref();
            groups.count(&group, slot, node, sign);
        }
        let place = self.nodes.place_mut(slot);
        let used = match (&mut place.node, &mut place.waiting) {
            (Some(node), _) => &mut node.used,
            (None, Some((_, used))) => used,
            (None, waiting) => &mut waiting.insert((Arc::from(id), Used::default())).1,
        };
        used.count(holding, &group, sign);
        self.nodes.note(slot);
        self.free_if_unused(slot);
    }

    pub fn used(&self, id: &str) -> Option<&Used> {
        let place = self.nodes.slots.get(*self.slots_by_id.get(id)? as usize)?;
        let used = match (&place.node, &place.waiting) {
            (Some(node), _) => &node.used,
            (None, Some((_, used))) => used,
            (None, None) => return None,
        };
        (used.tasks > 0).then_some(used)
    }

    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(*self.slots_by_id.get(id)?)
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        let nodes = self.nodes.slots.iter();
        nodes.filter_map(|place| place.node.as_ref())
    }

    /// Availability Zones that have nodes, whatever those can take.
    pub fn zones(&self) -> impl Iterator<Item = &str> {
        self.zones.keys().map(AsRef::as_ref)
    }

    fn count_zone(&mut self, attributes: &Attributes, is_more: bool) {
        let Some(zone) = attributes.get(AVAILABILITY_ZONE) else {
            return;
        };
        let count = self.zones.entry(zone.into()).or_default();
        *count = if is_more { *count + 1 } else { *count - 1 };
        if *count == 0 {
            self.zones.remove(zone);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.slots_by_id.is_empty()
    }

    pub fn content(&self) -> HashMap<Arc<str>, (Option<Node>, Used)> {
        let content = self.slots_by_id.iter().map(|(id, slot)| {
            let used = self.used(id).cloned().unwrap_or_default();
            (Arc::clone(id), (self.nodes.get(*slot).cloned(), used))
        });
        content.collect()
    }

    pub fn place(&self, need: &Need, strategies: &[Strategy], draw: u64) -> Placement {
        let mut questions = self
            .questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let nodes = &self.nodes;
        let group = nodes.group(&need.group);
        let is_large = group.is_some_and(|group| group.nodes.len() > SMALL_GROUP_NODES);
        if is_large && let Some(question) = questions.find(need, strategies, true, nodes.len(), 0) {
            return question.answer(nodes, need, draw).0;
        }
        let shared = questions.find(need, strategies, false, nodes.len(), nodes.len());
        let (placement, looks) = match shared {
            Some(question) => question.answer(nodes, need, draw),
            None => (scan(self, need, strategies, draw), 0),
        };
        if is_large {
            questions.spend_on_group(need, strategies, looks / RECKONED_PER_LOOK);
        }
        placement
    }

    fn slot(&mut self, id: &Arc<str>) -> Slot {
        if let Some(&slot) = self.slots_by_id.get(id) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.nodes.slots.push(Place::default());
            Slot::try_from(self.nodes.slots.len() - 1).expect("fewer nodes than four billion")
        });
        self.slots_by_id.insert(Arc::clone(id), slot);
        slot
    }

    fn free_if_unused(&mut self, slot: Slot) {
        let place = self.nodes.place_mut(slot);
        if place.node.is_none()
            && let Some((id, used)) = &place.waiting
            && used.tasks == 0
        {
            self.slots_by_id.remove(id);
            place.waiting = None;
            self.free.push(slot);
        }
    }
}

/// A question's first time: looks at every node.
fn scan(pool: &Pool, need: &Need, strategies: &[Strategy], draw: u64) -> Placement {
    let nodes: Vec<&Node> = pool.nodes().collect();
    let decision = crate::place(nodes.iter().copied(), need, strategies, draw);
    let chosen = decision
        .chosen
        .map(|position| Arc::clone(&nodes[position].facts.id));
    Placement {
        chosen,
        explanation: decision.explanation,
    }
}

impl Nodes {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The node, unless it is INACTIVE: that one is no candidate.
    pub fn candidate(&self, slot: Slot) -> Option<&Node> {
        self.get(slot)
            .filter(|node| node.facts.standing != Standing::Inactive)
    }

    pub fn group(&self, group: &str) -> Option<&Group> {
        self.groups.get(group)
    }

    /// The slots that changed from number `seen` on, each once; none when that is too long ago.
    pub fn changed_since(&self, seen: u64) -> Option<impl Iterator<Item = Slot>> {
        let skipped = usize::try_from(seen.checked_sub(self.changes.first)?).ok()?;
        let slots = (seen..).zip(self.changes.slots.iter().skip(skipped));
        let newest = slots.filter(|(number, slot)| self.slots[**slot as usize].changed == *number);
        Some(newest.map(|(_, slot)| *slot))
    }

    /// The number that the next change gets.
    pub fn now(&self) -> u64 {
        self.changes.first + self.changes.slots.len() as u64
    }

    fn get(&self, slot: Slot) -> Option<&Node> {
        self.slots.get(slot as usize)?.node.as_ref()
    }

    fn place_mut(&mut self, slot: Slot) -> &mut Place {
        &mut self.slots[slot as usize]
    }

    fn note(&mut self, slot: Slot) {
        self.slots[slot as usize].changed = self.now();
        self.changes.slots.push_back(slot);
        // Who missed more than this is faster by beginning anew.
        if self.changes.slots.len() > self.slots.len().max(64) {
            self.changes.slots.pop_front();
            self.changes.first += 1;
        }
    }
}
