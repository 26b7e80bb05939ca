//! The nodes of one cluster, and what changed of them lately.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use super::{Placement, question::Questions};
use crate::{AVAILABILITY_ZONE, Attributes, Facts, Holding, Need, Node, Standing, Strategy, Used};

/// Position of a node; free ones are used again.
pub(super) type Slot = u32;

/// Groups on at most this many nodes are reckoned with when a question is answered; larger ones have questions of their
/// own, which keep the group's tasks in the order.
const SMALL_GROUP_NODES: usize = 64;
/// Reckoning with a group on up to this part of the nodes (a half) still costs less than looking at every node.
const RECKONED_PART: usize = 2;
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
    groups: HashMap<Arc<str>, BTreeMap<Slot, usize>>,
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
        let place = self.nodes.place_mut(slot);
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
        if let Some(before) = before {
            self.count_zone(&before, false);
        }
        self.nodes.note(slot);
    }

    pub fn remove(&mut self, id: &str) {
        let Some(&slot) = self.slots_by_id.get(id) else {
            return;
        };
        let place = self.nodes.place_mut(slot);
        if let Some(node) = place.node.take() {
            place.waiting = Some((node.facts.id, node.used));
            self.count_zone(&node.facts.attributes, false);
        }
        self.nodes.note(slot);
        self.free_if_unused(slot);
    }

    pub fn count(&mut self, id: &str, holding: &Holding<'_>, sign: i64) {
        let slot = self.slot(&Arc::from(id));
        let group = self
            .nodes
            .count_group(slot, holding.group, holding.is_stopping, sign);
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
        let group_nodes = nodes.group(&need.group).map_or(0, BTreeMap::len);
        let is_large = group_nodes > SMALL_GROUP_NODES;
        // Of many large groups not each can be kept: they are reckoned with as small ones are.
        let can_reckon = group_nodes <= nodes.len() / RECKONED_PART;
        if is_large {
            let looks = group_nodes / RECKONED_PER_LOOK;
            let otherwise = if can_reckon { looks } else { nodes.len() };
            if let Some(question) = questions.find(need, strategies, true, nodes.len(), otherwise) {
                return question.answer(nodes, need, draw);
            }
        }
        let shared = (!is_large || can_reckon)
            .then(|| questions.find(need, strategies, false, nodes.len(), nodes.len()));
        match shared.flatten() {
            Some(question) => question.answer(nodes, need, draw),
            None => scan(self, need, strategies, draw),
        }
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

    /// On which nodes a group's tasks are, and how many.
    pub fn group(&self, group: &str) -> Option<&BTreeMap<Slot, usize>> {
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

    /// Counts a task of the group, and gives the group's name as all share it.
    fn count_group(&mut self, slot: Slot, group: &str, is_stopping: bool, sign: i64) -> Arc<str> {
        let known = self.groups.get_key_value(group);
        let name = known.map_or_else(|| Arc::from(group), |(name, _)| Arc::clone(name));
        if is_stopping {
            return name;
        }
        let nodes = self.groups.entry(Arc::clone(&name)).or_default();
        let count = nodes.entry(slot).or_insert(0);
        *count = count
            .checked_add_signed(sign as isize)
            .expect("only what was counted before is taken away");
        if *count == 0 {
            nodes.remove(&slot);
        }
        if nodes.is_empty() {
            self.groups.remove(&name);
        }
        name
    }
}
