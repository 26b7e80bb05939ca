//! The choice among nodes that fit.
//!
//! Each strategy of a list keeps only the best of what the one before left. That is an order: compare by the first
//! strategy's rank, where equal by the second's, and so on. Ranks of [`Strategy::Spread`] over an attribute are the same
//! for all nodes of one value; the others are a node's own. What is still equal goes to the node with the fewest tasks.

use serde::{Deserialize, Serialize};

use crate::Node;

/// The attribute that every node has.
pub const AVAILABILITY_ZONE: &str = "ecs.availability-zone";

/// More are not looked at; the API takes no more.
pub const MOST_STRATEGIES: usize = 5;

/// One strategy of a list; each keeps only the best of what the one before left.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strategy {
    Spread(SpreadOver),
    /// The least left that still fits.
    Binpack(Resource),
    Random,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SpreadOver {
    /// `instanceId`, or its other name `host`.
    Instance,
    /// The value of an attribute, such as `ecs.availability-zone`.
    Attribute(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resource {
    Cpu,
    Memory,
}

impl Strategy {
    /// What AWS does without a list: over zones, then over instances.
    pub fn default_list() -> Vec<Self> {
        vec![
            Self::Spread(SpreadOver::Attribute(AVAILABILITY_ZONE.into())),
            Self::Spread(SpreadOver::Instance),
        ]
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Spread(SpreadOver::Instance) => formatter.write_str("spread(instanceId)"),
            Self::Spread(SpreadOver::Attribute(name)) => {
                write!(formatter, "spread(attribute:{name})")
            }
            Self::Binpack(Resource::Cpu) => formatter.write_str("binpack(cpu)"),
            Self::Binpack(Resource::Memory) => formatter.write_str("binpack(memory)"),
            Self::Random => formatter.write_str("random"),
        }
    }
}

/// The strategies that ranks are kept of: each kind once, until the choice is random.
pub fn ranked(strategies: &[Strategy]) -> impl Iterator<Item = &Strategy> {
    let some = strategies.iter().take(MOST_STRATEGIES);
    let until_random = some.take_while(|strategy| **strategy != Strategy::Random);
    until_random
        .enumerate()
        .filter(|(position, strategy)| !strategies[..*position].contains(strategy))
        .map(|(_, strategy)| strategy)
}

/// A list of strategies, made ready for comparing.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    steps: Vec<Step>,
    /// Names of the attributes that are spread over, in order.
    pub attributes: Vec<String>,
    pub is_random: bool,
}

/// A strategy that asks twice for the same thing is none: all that it would compare is equal. `own` is the place among the
/// ranks that are the node's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Position in [`Order::attributes`].
    Attribute(usize),
    Own {
        own: usize,
        what: Own,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    GroupTasks,
    CpuLeft,
    MemoryLeft,
}

/// The ranks that are a node's own: nodes with equal values of the attributes spread over compare by it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OwnRank {
    ranks: [i64; 3],
    /// 0 where the choice is random.
    tasks: usize,
    tie: u64,
}

/// All ranks of a node: the least is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    ranks: [i64; MOST_STRATEGIES],
    tasks: usize,
    tie: u64,
}

impl Order {
    pub fn new(strategies: &[Strategy]) -> Self {
        let mut order = Self {
            steps: vec![],
            attributes: vec![],
            is_random: false,
        };
        let mut own_kinds: Vec<Own> = vec![];
        for strategy in strategies.iter().take(MOST_STRATEGIES) {
            let what = match strategy {
                Strategy::Random => {
                    order.is_random = true;
                    break;
                }
                Strategy::Spread(SpreadOver::Attribute(name)) => {
                    if !order.attributes.contains(name) {
                        order.steps.push(Step::Attribute(order.attributes.len()));
                        order.attributes.push(name.clone());
                    }
                    continue;
                }
                Strategy::Spread(SpreadOver::Instance) => Own::GroupTasks,
                Strategy::Binpack(Resource::Cpu) => Own::CpuLeft,
                Strategy::Binpack(Resource::Memory) => Own::MemoryLeft,
            };
            if !own_kinds.contains(&what) {
                let own = own_kinds.len();
                own_kinds.push(what);
                order.steps.push(Step::Own { own, what });
            }
        }
        order
    }

    /// Whether the tasks of the group decide anything.
    pub fn looks_at_group(&self) -> bool {
        !self.attributes.is_empty() || self.looks_at_group_on_node()
    }

    /// Whether it matters how many tasks of the group a node has itself.
    pub fn looks_at_group_on_node(&self) -> bool {
        let is_it =
            |step: &Step| matches!(step, Step::Own { what, .. } if *what == Own::GroupTasks);
        self.steps.iter().any(is_it)
    }

    /// Whether nodes with equal values of the attributes compare by the group's tasks before anything else.
    pub fn group_tasks_lead(&self) -> bool {
        let mut own = self.steps.iter().filter_map(|step| match step {
            Step::Own { what, .. } => Some(*what),
            Step::Attribute(_) => None,
        });
        own.next() == Some(Own::GroupTasks)
    }

    pub fn own_rank(&self, node: &Node, group_tasks: usize) -> OwnRank {
        let mut ranks = [0; 3];
        for step in &self.steps {
            if let Step::Own { own, what } = step {
                ranks[*own] = match what {
                    Own::GroupTasks => i64::try_from(group_tasks).unwrap_or(i64::MAX),
                    Own::CpuLeft => node.cpu_units_free(),
                    Own::MemoryLeft => node.memory_mib_free(),
                };
            }
        }
        let id = OwnRank::tie_of(node);
        // Drawn anew whenever the node changes, so that over time each gets its share.
        let state = [
            node.used.tasks as u64,
            node.used.cpu_units as u64,
            node.used.memory_mib as u64,
        ];
        match self.is_random {
            false => OwnRank {
                ranks,
                tasks: node.used.tasks,
                tie: id,
            },
            true => OwnRank {
                ranks,
                tasks: 0,
                tie: state.into_iter().fold(id, mix),
            },
        }
    }

    /// `spread(position)`: tasks of the group with the node's value of that attribute.
    pub fn rank(&self, own: &OwnRank, spread: impl Fn(usize) -> i64, draw: u64) -> Rank {
        let mut ranks = [0; MOST_STRATEGIES];
        for (rank, step) in ranks.iter_mut().zip(&self.steps) {
            *rank = match step {
                Step::Attribute(position) => spread(*position),
                Step::Own { own: position, .. } => own.ranks[*position],
            };
        }
        let tie = match self.is_random {
            false => own.tie,
            true => own.tie.wrapping_sub(draw),
        };
        Rank {
            ranks,
            tasks: own.tasks,
            tie,
        }
    }

    /// The ranks as an explanation keeps them, one for each strategy.
    pub fn shown(&self, rank: &Rank) -> Vec<i64> {
        rank.ranks[..self.steps.len()].to_vec()
    }
}

impl OwnRank {
    /// Decides between nodes that are equal: by their ids, but in no order that anyone made.
    pub fn tie_of(node: &Node) -> u64 {
        hash(node.facts.id.as_bytes())
    }

    pub fn with_tie(self, tie: u64) -> Self {
        Self { tie, ..self }
    }

    pub fn is_equal_but_for_tie(&self, other: &Self) -> bool {
        (self.ranks, self.tasks) == (other.ranks, other.tasks)
    }
}

/// FNV-1a, finished so that near ids are far apart. The same everywhere and always: it decides ties.
fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold), 0)
}

/// The finisher of SplitMix64 over both.
fn mix(seed: u64, value: u64) -> u64 {
    let mut mixed = seed ^ value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
