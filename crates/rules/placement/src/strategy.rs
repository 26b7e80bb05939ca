//! The choice among nodes that fit.

use std::collections::HashMap;

use crate::{Need, Node};

/// One strategy of a list; each keeps only the best of what the one before left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    Spread(SpreadOver),
    /// The least left that still fits.
    Binpack(Resource),
    Random,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpreadOver {
    /// `instanceId`, or its other name `host`.
    Instance,
    /// The value of an attribute, such as `ecs.availability-zone`.
    Attribute(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Cpu,
    Memory,
}

impl Strategy {
    /// What AWS does without a list: over zones, then over instances.
    pub fn default_list() -> Vec<Self> {
        vec![
            Self::Spread(SpreadOver::Attribute("ecs.availability-zone".into())),
            Self::Spread(SpreadOver::Instance),
        ]
    }
}

pub(crate) fn choose<N: Node>(
    candidates: &[N],
    mut fitting: Vec<usize>,
    need: &Need<'_>,
    strategies: &[Strategy],
    draw: u64,
) -> Option<usize> {
    for strategy in strategies {
        if fitting.len() < 2 {
            break;
        }
        match strategy {
            Strategy::Spread(SpreadOver::Instance) => keep_least(&mut fitting, |position| {
                candidates[position].tasks_of_group(need.group)
            }),
            Strategy::Spread(SpreadOver::Attribute(name)) => {
                let counts = group_tasks_by_value(candidates, name, need.group);
                keep_least(&mut fitting, |position| {
                    let value = candidates[position].attribute(name).unwrap_or_default();
                    counts.get(value).copied().unwrap_or_default()
                });
            }
            Strategy::Binpack(Resource::Cpu) => keep_least(&mut fitting, |position| {
                candidates[position].cpu_units_free()
            }),
            Strategy::Binpack(Resource::Memory) => keep_least(&mut fitting, |position| {
                candidates[position].memory_mib_free()
            }),
            Strategy::Random => fitting = pick(&fitting, draw).into_iter().collect(),
        }
    }
    fitting.into_iter().min_by(|left, right| {
        let (left, right) = (&candidates[*left], &candidates[*right]);
        (left.tasks(), left.id()).cmp(&(right.tasks(), right.id()))
    })
}

/// Tasks of the group by the attribute's value, over all candidates: a zone whose nodes are full still has its tasks.
fn group_tasks_by_value<'a, N: Node>(
    candidates: &'a [N],
    name: &str,
    group: &str,
) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for node in candidates {
        let value = node.attribute(name).unwrap_or_default();
        *counts.entry(value).or_insert(0) += node.tasks_of_group(group);
    }
    counts
}

fn keep_least<K: Ord>(positions: &mut Vec<usize>, rank: impl Fn(usize) -> K) {
    let mut kept = Vec::with_capacity(positions.len());
    let mut best: Option<K> = None;
    for &position in positions.iter() {
        let rank = rank(position);
        match best.as_ref().map(|best| rank.cmp(best)) {
            Some(std::cmp::Ordering::Greater) => continue,
            Some(std::cmp::Ordering::Equal) => {}
            Some(std::cmp::Ordering::Less) | None => {
                kept.clear();
                best = Some(rank);
            }
        }
        kept.push(position);
    }
    *positions = kept;
}

fn pick(positions: &[usize], draw: u64) -> Option<usize> {
    let count = u64::try_from(positions.len())
        .ok()
        .filter(|count| *count > 0)?;
    let position = usize::try_from(draw % count).ok()?;
    positions.get(position).copied()
}
