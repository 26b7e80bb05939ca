//! One question with the nodes in the order of its answer, and the questions that a pool keeps.

use std::{
    cell::Cell,
    collections::{BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::{
    Placement,
    groups::Group,
    pool::{Nodes, Slot},
};
use crate::{
    AVAILABILITY_ZONE, Explanation, Filter, Need, Node, Refusal, Strategy, filter,
    scan::Miss,
    strategy::{Order, OwnRank, Rank},
};

/// With fewer nodes than this, looking at all of them costs no more than keeping them in order.
const FEW_NODES: usize = 32;
/// Nodes times questions of one pool, each of them some two hundred bytes.
const MOST_CELLS: usize = 1 << 18;
const FEWEST_QUESTIONS: usize = 8;
const MOST_QUESTIONS: usize = 64;
const MOST_HEARD: usize = 1024;

/// The questions that were asked lately.
#[derive(Debug, Default)]
pub(super) struct Questions {
    known: Vec<Question>,
    /// Those that were answered without being kept, by hash, with the nodes that were looked at for them: only what costs
    /// more than keeping it is kept.
    heard: VecDeque<(u64, usize)>,
    asked: u64,
}

#[derive(Debug)]
pub(super) struct Question {
    key: Key,
    hash: u64,
    /// Number of the ask that was the last for it.
    asked: u64,
    order: Order,
    /// Changes below this number are in; none when nothing is.
    seen: Option<u64>,
    /// By slot.
    entries: Vec<Entry>,
    /// Fitting nodes by their values of the attributes that are spread over.
    buckets: Vec<Bucket>,
    bucket_of: HashMap<Box<[u32]>, u32>,
    /// One for each attribute that is spread over.
    values: Vec<Values>,
    misses: BTreeSet<(Miss, Slot)>,
    refused: [u32; Filter::ALL.len()],
    fitting: u32,
}

/// What makes a question another one. The group is part of it when there is one in the order ([`Question::is_of_group`]);
/// otherwise `need.group` is empty and the nodes of the group are reckoned with while answering.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    need: Need,
    strategies: Vec<Strategy>,
    is_of_group: bool,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    bucket: u32,
    /// Of the question's own group.
    group_tasks: usize,
    verdict: Verdict,
}

#[derive(Debug, Clone, Default)]
enum Verdict {
    /// No candidate.
    #[default]
    Absent,
    Fits(OwnRank),
    Misses(Miss),
}

#[derive(Debug)]
struct Bucket {
    /// Positions in [`Question::values`].
    values: Box<[u32]>,
    fitting: BTreeSet<(OwnRank, Slot)>,
}

#[derive(Debug, Default)]
struct Values {
    numbers: HashMap<Box<str>, u32>,
    /// Tasks of the question's own group by number of the value.
    tasks: Vec<i64>,
}

impl Questions {
    /// The question, if it is kept, or was worth keeping by what it cost until now. `otherwise`: the nodes that are
    /// looked at when there is none.
    pub fn find(
        &mut self,
        need: &Need,
        strategies: &[Strategy],
        is_large_group: bool,
        nodes: usize,
        otherwise: usize,
    ) -> Option<&mut Question> {
        if nodes < FEW_NODES {
            return None;
        }
        self.asked += 1;
        let most = (MOST_CELLS / nodes).clamp(FEWEST_QUESTIONS, MOST_QUESTIONS);
        let hash = hash(need, strategies, is_large_group);
        let is_it = |question: &Question| {
            question.hash == hash && question.key.is(need, strategies, is_large_group)
        };
        let position = match self.known.iter().position(is_it) {
            Some(position) => position,
            None if self.spend(hash, otherwise) < nodes => return None,
            None => {
                self.heard.retain(|(heard, _)| *heard != hash);
                self.make_room(most);
                let key = Key::new(need, strategies, is_large_group);
                self.known.push(Question::new(key, hash));
                self.known.len() - 1
            }
        };
        let question = &mut self.known[position];
        question.asked = self.asked;
        Some(question)
    }

    /// A question of the group's own would have spared looking at that many nodes.
    pub fn spend_on_group(&mut self, need: &Need, strategies: &[Strategy], nodes: usize) {
        self.spend(hash(need, strategies, true), nodes);
    }

    /// What was spent on the question before; now it is that much more.
    fn spend(&mut self, hash: u64, nodes: usize) -> usize {
        if let Some((_, spent)) = self.heard.iter_mut().find(|(heard, _)| *heard == hash) {
            *spent += nodes;
            return *spent - nodes;
        }
        self.heard.push_back((hash, nodes));
        while self.heard.len() > MOST_HEARD {
            self.heard.pop_front();
        }
        0
    }

    fn make_room(&mut self, most: usize) {
        while self.known.len() >= most {
            let asked = self.known.iter().map(|question| question.asked);
            let oldest = asked
                .enumerate()
                .min_by_key(|(_, asked)| *asked)
                .map(|(position, _)| position);
            self.known.swap_remove(oldest.unwrap_or_default());
        }
    }
}

impl Key {
    fn new(need: &Need, strategies: &[Strategy], is_of_group: bool) -> Self {
        let mut need = need.clone();
        if !is_of_group {
            need.group.clear();
        }
        Self {
            need,
            strategies: strategies.to_vec(),
            is_of_group,
        }
    }

    fn is(&self, need: &Need, strategies: &[Strategy], is_of_group: bool) -> bool {
        let Need {
            cpu_units,
            memory_mib,
            gpus,
            host_ports,
            attributes,
            member_of,
            group,
            distinct_instance,
            is_daemon,
        } = &self.need;
        self.is_of_group == is_of_group
            && (!is_of_group || *group == need.group)
            && (
                *cpu_units,
                *memory_mib,
                *gpus,
                *distinct_instance,
                *is_daemon,
            ) == (
                need.cpu_units,
                need.memory_mib,
                need.gpus,
                need.distinct_instance,
                need.is_daemon,
            )
            && *host_ports == need.host_ports
            && *attributes == need.attributes
            && *member_of == need.member_of
            && self.strategies == strategies
    }
}

fn hash(need: &Need, strategies: &[Strategy], is_of_group: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (
        need.cpu_units,
        need.memory_mib,
        need.gpus,
        (need.distinct_instance, need.is_daemon),
        is_of_group.then_some(&need.group),
    )
        .hash(&mut hasher);
    (
        &need.host_ports,
        &need.attributes,
        &need.member_of,
        strategies,
    )
        .hash(&mut hasher);
    hasher.finish()
}

impl Question {
    fn new(key: Key, hash: u64) -> Self {
        let order = Order::new(&key.strategies);
        let values = order.attributes.iter().map(|_| Values::default()).collect();
        Self {
            key,
            hash,
            asked: 0,
            order,
            seen: None,
            entries: vec![],
            buckets: vec![],
            bucket_of: HashMap::new(),
            values,
            misses: BTreeSet::new(),
            refused: [0; Filter::ALL.len()],
            fitting: 0,
        }
    }

    /// The answer, and how many nodes of the group were reckoned with for it.
    pub fn answer(&mut self, nodes: &Nodes, need: &Need, draw: u64) -> (Placement, usize) {
        self.catch_up(nodes);
        let nothing = Group::default();
        let group = match self.is_blind_to_group() {
            true => None,
            false => nodes.group(&need.group),
        };
        let group = Reckoned {
            group: group.unwrap_or(&nothing),
            looks: Cell::new(0),
        };
        let best = self.best(nodes, &group, draw);
        let placement = Placement {
            explanation: self.explanation(nodes, &group, best.as_ref().map(|(rank, _)| rank)),
            chosen: best
                .and_then(|(_, slot)| nodes.candidate(slot))
                .map(|node| Arc::clone(&node.facts.id)),
        };
        (placement, group.looks.get())
    }

    /// Looks again at the nodes that changed since the last answer.
    fn catch_up(&mut self, nodes: &Nodes) {
        let changed = self.seen.and_then(|seen| nodes.changed_since(seen));
        match changed {
            Some(changed) => changed.for_each(|slot| self.look(nodes, slot)),
            None => self.begin_anew(nodes),
        }
        self.seen = Some(nodes.now());
    }

    fn begin_anew(&mut self, nodes: &Nodes) {
        self.entries.clear();
        self.buckets.clear();
        self.bucket_of.clear();
        self.misses.clear();
        self.refused = [0; Filter::ALL.len()];
        self.fitting = 0;
        self.values
            .iter_mut()
            .for_each(|values| *values = Values::default());
        for slot in 0..Slot::try_from(nodes.len()).unwrap_or(Slot::MAX) {
            self.look(nodes, slot);
        }
    }

    /// Takes a node as it is now.
    fn look(&mut self, nodes: &Nodes, slot: Slot) {
        if self.entries.len() < nodes.len() {
            self.entries.resize(nodes.len(), Entry::default());
        }
        self.forget(slot);
        let Some(node) = nodes.candidate(slot) else {
            return;
        };
        let group_tasks = match self.key.is_of_group {
            true => node.tasks_of_group(&self.key.need.group),
            false => 0,
        };
        let bucket = self.bucket(node);
        self.count_group(bucket, group_tasks, 1);
        let verdict = match filter::check(node, &self.key.need, group_tasks) {
            Ok(()) => {
                let rank = self.order.own_rank(node, group_tasks);
                self.fitting += 1;
                self.buckets[bucket as usize].fitting.insert((rank, slot));
                Verdict::Fits(rank)
            }
            Err(refusal) => {
                let miss = Miss::new(refusal, node);
                self.refused[refusal.filter as usize] += 1;
                self.misses.insert((miss, slot));
                Verdict::Misses(miss)
            }
        };
        self.entries[slot as usize] = Entry {
            bucket,
            group_tasks,
            verdict,
        };
    }

    fn forget(&mut self, slot: Slot) {
        let entry = std::mem::take(&mut self.entries[slot as usize]);
        match entry.verdict {
            Verdict::Absent => return,
            Verdict::Fits(rank) => {
                self.fitting -= 1;
                let bucket = &mut self.buckets[entry.bucket as usize];
                bucket.fitting.remove(&(rank, slot));
            }
            Verdict::Misses(miss) => {
                self.refused[miss.filter.0 as usize] -= 1;
                self.misses.remove(&(miss, slot));
            }
        }
        self.count_group(entry.bucket, entry.group_tasks, -1);
    }

    /// The bucket of the node's values; nodes that lack an attribute have the empty value together.
    fn bucket(&mut self, node: &Node) -> u32 {
        let attributes = self.order.attributes.iter().zip(&mut self.values);
        let numbers: Box<[u32]> = attributes
            .map(|(name, values)| {
                values.number(node.facts.attributes.get(name).unwrap_or_default())
            })
            .collect();
        if let Some(bucket) = self.bucket_of.get(&numbers) {
            return *bucket;
        }
        let bucket = u32::try_from(self.buckets.len()).expect("not more buckets than nodes");
        self.buckets.push(Bucket {
            values: numbers.clone(),
            fitting: BTreeSet::new(),
        });
        self.bucket_of.insert(numbers, bucket);
        bucket
    }

    fn count_group(&mut self, bucket: u32, group_tasks: usize, sign: i64) {
        if group_tasks == 0 {
            return;
        }
        let numbers = &self.buckets[bucket as usize].values;
        for (number, values) in numbers.iter().zip(&mut self.values) {
            values.tasks[*number as usize] += sign * i64::try_from(group_tasks).unwrap_or(0);
        }
    }

    /// Whether a group that is not in the order makes no difference.
    fn is_blind_to_group(&self) -> bool {
        self.key.is_of_group || !self.key.need.distinct_instance && !self.order.looks_at_group()
    }

    /// The node that is chosen, where `group` says how many tasks of a group that is not in the order are where.
    fn best(&self, nodes: &Nodes, group: &Reckoned<'_>, draw: u64) -> Option<(Rank, Slot)> {
        let spread = self.spread(group);
        let rank_in = |bucket: &Bucket, own: &OwnRank| {
            let of_value = |attribute: usize| spread[attribute][bucket.values[attribute] as usize];
            self.order.rank(own, of_value, draw)
        };
        // Where only the values of attributes count the group's tasks, its nodes rank as they are in the order.
        let is_apart = self.key.need.distinct_instance || self.order.looks_at_group_on_node();
        let apart = is_apart.then_some(group);
        let without_group: Vec<Option<(Rank, Slot)>> = self
            .buckets
            .iter()
            .map(|bucket| {
                let (own, slot) = bucket.first(&self.order, apart, draw)?;
                Some((rank_in(bucket, own), *slot))
            })
            .collect();
        // Of nodes with the same values, one without a task of the group is better, if that is what they compare by first.
        let is_beaten =
            |bucket: u32| self.order.group_tasks_lead() && without_group[bucket as usize].is_some();
        let may_win = !self.key.need.distinct_instance
            && (0..)
                .zip(&self.buckets)
                .any(|(number, bucket)| !bucket.fitting.is_empty() && !is_beaten(number));
        let of_group = apart
            .filter(|_| may_win)
            .into_iter()
            .flat_map(Reckoned::nodes);
        let of_group = of_group.filter_map(|(slot, tasks)| {
            let entry = self.entries.get(slot as usize)?;
            if !matches!(entry.verdict, Verdict::Fits(_)) || is_beaten(entry.bucket) {
                return None;
            }
            let own = self.order.own_rank(nodes.candidate(slot)?, tasks);
            Some((rank_in(&self.buckets[entry.bucket as usize], &own), slot))
        });
        let of_group = of_group.min();
        without_group.into_iter().flatten().chain(of_group).min()
    }

    /// Tasks of the group by attribute and number of the value.
    fn spread(&self, group: &Reckoned<'_>) -> Vec<Vec<i64>> {
        let attributes = self.order.attributes.iter().enumerate().zip(&self.values);
        let spread = attributes.map(|((position, attribute), values)| {
            let mut tasks = values.tasks.clone();
            if attribute == AVAILABILITY_ZONE {
                for (zone, count) in &group.group.zones {
                    if let Some(number) = values.numbers.get(zone) {
                        tasks[*number as usize] += count;
                    }
                }
                return tasks;
            }
            for (slot, count) in group.nodes() {
                let entry = self.entries.get(slot as usize);
                let Some(entry) = entry.filter(|it| !matches!(it.verdict, Verdict::Absent)) else {
                    continue;
                };
                let number = self.buckets[entry.bucket as usize].values[position];
                tasks[number as usize] += i64::try_from(count).unwrap_or(0);
            }
            tasks
        });
        spread.collect()
    }

    fn explanation(
        &self,
        nodes: &Nodes,
        group: &Reckoned<'_>,
        chosen: Option<&Rank>,
    ) -> Explanation {
        let (mut refused, mut fitting) = (self.refused, self.fitting);
        let mut nearest: Option<(Miss, Slot)> = None;
        let distinct = self.key.need.distinct_instance.then_some(group);
        let shifted = |slot: Slot| distinct.is_some_and(|group| self.is_shifted(slot, group));
        let of_group = distinct.into_iter().flat_map(Reckoned::nodes);
        for slot in of_group.map(|(slot, _)| slot).filter(|slot| shifted(*slot)) {
            match self.entries[slot as usize].verdict {
                Verdict::Misses(miss) => refused[miss.filter.0 as usize] -= 1,
                _ => fitting -= 1,
            }
            refused[Filter::DistinctInstance as usize] += 1;
            if let Some(node) = nodes.candidate(slot) {
                let refusal = Refusal {
                    filter: Filter::DistinctInstance,
                    lacking: 0,
                };
                let miss = (Miss::new(refusal, node), slot);
                nearest = Some(nearest.map_or(miss, |known| known.min(miss)));
            }
        }
        let others = self.misses.iter().find(|(_, slot)| !shifted(*slot));
        let nearest = nearest.into_iter().chain(others.copied()).min();
        let counts = Filter::ALL.into_iter().zip(refused);
        Explanation {
            considered: fitting + refused.iter().sum::<u32>(),
            fitting,
            refused: counts.filter(|(_, count)| *count > 0).collect(),
            nearest_miss: nearest
                .and_then(|(miss, slot)| Some(miss.nearest(nodes.candidate(slot)?))),
            ranks: chosen
                .map(|rank| self.order.shown(rank))
                .unwrap_or_default(),
        }
    }

    /// Whether `distinctInstance` rules a node out that the order, which does not know the group, has elsewhere.
    fn is_shifted(&self, slot: Slot, group: &Reckoned<'_>) -> bool {
        group.has(slot)
            && match self.entries.get(slot as usize).map(|entry| &entry.verdict) {
                Some(Verdict::Fits(_)) => true,
                Some(Verdict::Misses(miss)) => miss.filter.0 > Filter::DistinctInstance,
                Some(Verdict::Absent) | None => false,
            }
    }
}

/// A group that is not in the order.
struct Reckoned<'a> {
    group: &'a Group,
    /// How many of its nodes were looked at.
    looks: Cell<usize>,
}

impl Reckoned<'_> {
    fn has(&self, slot: Slot) -> bool {
        self.looks.set(self.looks.get() + 1);
        self.group.nodes.contains_key(&slot)
    }

    fn nodes(&self) -> impl Iterator<Item = (Slot, usize)> {
        self.looks.set(self.looks.get() + self.group.nodes.len());
        let nodes = self.group.nodes.iter();
        nodes.map(|(slot, tasks)| (*slot, *tasks))
    }
}

impl Bucket {
    /// The first in the order that has no task of the group, if there is one to stay away from. Where the choice is random:
    /// the first from the draw on among those that are equal, all round.
    fn first(
        &self,
        order: &Order,
        group: Option<&Reckoned<'_>>,
        draw: u64,
    ) -> Option<&(OwnRank, Slot)> {
        let is_free = |entry: &&(OwnRank, Slot)| group.is_none_or(|group| !group.has(entry.1));
        let first = self.fitting.iter().find(is_free)?;
        if !order.is_random {
            return Some(first);
        }
        let drawn = self.fitting.range((first.0.with_tie(draw), 0)..);
        let drawn = drawn.take_while(|(rank, _)| rank.is_equal_but_for_tie(&first.0));
        Some(drawn.clone().find(is_free).unwrap_or(first))
    }
}

impl Values {
    fn number(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.tasks.len()).expect("not more values than nodes");
        self.numbers.insert(value.into(), number);
        self.tasks.push(0);
        number
    }
}
