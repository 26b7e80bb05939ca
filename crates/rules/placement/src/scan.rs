//! Placement by looking at every node: for a question that was not asked before, and to say it node by node.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    Explanation, Filter, Lack, NearestMiss, Need, Node, Refusal, Standing, Strategy, filter, lacks,
    strategy::{Order, OwnRank, Rank},
};

/// The answer: a position in the candidates, when one fits, and always the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub chosen: Option<usize>,
    pub explanation: Explanation,
}

/// Chooses among nodes. `draw` is the caller's randomness: only [`Strategy::Random`] looks at it. Costs as much as
/// there are nodes; [`crate::Index`] gives the same answer for less.
pub fn place<'a>(
    nodes: impl IntoIterator<Item = &'a Node> + Clone,
    need: &Need,
    strategies: &[Strategy],
    draw: u64,
) -> Decision {
    let order = Order::new(strategies);
    let spread = group_tasks_by_value(nodes.clone(), need, &order);
    let mut tally = Tally::default();
    let mut best: Option<(Rank, usize)> = None;
    for (position, node) in nodes.into_iter().enumerate() {
        if node.facts.standing == Standing::Inactive {
            continue;
        }
        let group_tasks = node.tasks_of_group(&need.group);
        let own = order.own_rank(node, group_tasks);
        match filter::check(node, need, group_tasks) {
            Err(refusal) => tally.miss(node, refusal),
            Ok(()) => {
                tally.fit();
                let of_value = |attribute: usize| {
                    let value = node.facts.attributes.get(&order.attributes[attribute]);
                    let counts = &spread[attribute];
                    counts.get(value.unwrap_or_default()).copied().unwrap_or(0)
                };
                let rank = order.rank(&own, of_value, draw);
                if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                    best = Some((rank, position));
                }
            }
        }
    }
    let ranks = best
        .as_ref()
        .map(|(rank, _)| order.shown(rank))
        .unwrap_or_default();
    Decision {
        chosen: best.map(|(_, position)| position),
        explanation: tally.explanation(ranks),
    }
}

/// One node's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub node: Arc<str>,
    /// Empty: it takes the task.
    pub lacks: Vec<Lack>,
    /// What each strategy sees of it, as in [`Explanation::ranks`].
    pub ranks: Vec<i64>,
}

/// Every node's answer: those that take the task first, the best one at the head (but for chance), then those that
/// come nearest.
pub fn verdicts<'a>(
    nodes: impl IntoIterator<Item = &'a Node> + Clone,
    need: &Need,
    strategies: &[Strategy],
) -> Vec<Verdict> {
    let order = Order::new(strategies);
    let spread = group_tasks_by_value(nodes.clone(), need, &order);
    let mut fitting = vec![];
    let mut refused = vec![];
    for node in nodes {
        let group_tasks = node.tasks_of_group(&need.group);
        let of_value = |attribute: usize| {
            let value = node.facts.attributes.get(&order.attributes[attribute]);
            let counts = &spread[attribute];
            counts.get(value.unwrap_or_default()).copied().unwrap_or(0)
        };
        let rank = order.rank(&order.own_rank(node, group_tasks), of_value, 0);
        let verdict = Verdict {
            node: Arc::clone(&node.facts.id),
            lacks: lacks(node, need),
            ranks: order.shown(&rank),
        };
        match filter::check(node, need, group_tasks) {
            Ok(()) => fitting.push((rank, verdict)),
            Err(refusal) => refused.push((Miss::new(refusal, node), verdict)),
        }
    }
    fitting.sort_by_key(|(rank, _)| *rank);
    refused.sort_by_key(|(miss, _)| *miss);
    let fitting = fitting.into_iter().map(|(_, verdict)| verdict);
    let refused = refused.into_iter().map(|(_, verdict)| verdict);
    fitting.chain(refused).collect()
}

/// Why one node does not take the task; `None` when it does.
pub fn refusal(node: &Node, need: &Need) -> Option<Refusal> {
    filter::check(node, need, node.tasks_of_group(&need.group)).err()
}

/// Whether a node has the attributes, and is one that the expressions select: what does not change with its tasks, but
/// for expressions about them.
pub fn matches(node: &Node, need: &Need) -> bool {
    filter::lacking_attribute(node, need).is_none() && filter::is_member(node, need)
}

/// Tasks of the group by the attribute's value, over all nodes: a zone whose nodes are full still has its tasks.
fn group_tasks_by_value<'a>(
    nodes: impl IntoIterator<Item = &'a Node>,
    need: &Need,
    order: &Order,
) -> Vec<HashMap<&'a str, i64>> {
    let mut counts = vec![HashMap::new(); order.attributes.len()];
    if counts.is_empty() {
        return counts;
    }
    for node in nodes {
        let tasks = node.tasks_of_group(&need.group);
        if tasks == 0 || node.facts.standing == Standing::Inactive {
            continue;
        }
        for (name, counts) in order.attributes.iter().zip(&mut counts) {
            let value = node.facts.attributes.get(name).unwrap_or_default();
            *counts.entry(value).or_insert(0) += i64::try_from(tasks).unwrap_or(i64::MAX);
        }
    }
    counts
}

/// Counts of one question.
#[derive(Default)]
struct Tally<'a> {
    fitting: u32,
    refused: BTreeMap<Filter, u32>,
    nearest: Option<(&'a Node, Miss)>,
}

/// How near a node came: the least is nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Miss {
    pub filter: std::cmp::Reverse<Filter>,
    pub lacking: i64,
    pub tie: u64,
}

impl Miss {
    pub fn new(refusal: Refusal, node: &Node) -> Self {
        Self {
            filter: std::cmp::Reverse(refusal.filter),
            lacking: refusal.lacking,
            tie: OwnRank::tie_of(node),
        }
    }

    pub fn nearest(&self, node: &Node) -> NearestMiss {
        NearestMiss {
            node: node.facts.id.to_string(),
            filter: self.filter.0,
            lacking: self.lacking,
        }
    }
}

impl<'a> Tally<'a> {
    fn fit(&mut self) {
        self.fitting += 1;
    }

    fn miss(&mut self, node: &'a Node, refusal: Refusal) {
        *self.refused.entry(refusal.filter).or_insert(0) += 1;
        let miss = Miss::new(refusal, node);
        if self.nearest.as_ref().is_none_or(|(_, known)| miss < *known) {
            self.nearest = Some((node, miss));
        }
    }

    fn explanation(self, ranks: Vec<i64>) -> Explanation {
        let refused: u32 = self.refused.values().sum();
        Explanation {
            considered: self.fitting + refused,
            fitting: self.fitting,
            refused: self.refused,
            nearest_miss: self.nearest.map(|(node, miss)| miss.nearest(node)),
            ranks,
        }
    }
}
