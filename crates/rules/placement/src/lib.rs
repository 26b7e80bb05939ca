//! Which node takes a task, and why not the others.
//!
//! The order is ECS's: resources, then constraints, then strategies in turn, each keeping only the best of what the
//! one before left (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html>). Pure: the
//! caller's nodes are seen through [`Node`], so nothing is copied before it is asked for.

mod explain;
mod filter;
pub mod query;
mod strategy;

pub use explain::{Explanation, NearestMiss};
pub use filter::Filter;
pub use strategy::{Resource, SpreadOver, Strategy};

/// A node as placement sees it.
pub trait Node {
    /// Stable and unique; decides ties, so that the same question has the same answer.
    fn id(&self) -> &str;
    fn standing(&self) -> Standing;
    fn cpu_units_free(&self) -> i64;
    fn memory_mib_free(&self) -> i64;
    /// The attribute's value (empty when it has none), or `None` when the node lacks it.
    fn attribute(&self, name: &str) -> Option<&str>;
    fn is_port_taken(&self, port: u16, protocol: &str) -> bool;
    /// Tasks that hold resources there.
    fn tasks(&self) -> usize;
    /// Those of one group.
    fn tasks_of_group(&self, group: &str) -> usize;
}

/// Whether a node takes tasks at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    Ready,
    Disconnected,
    Draining,
    Inactive,
}

/// What a task asks of its node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Need<'a> {
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub host_ports: &'a [(u16, String)],
    /// Attributes that must be there; with a value, it must be that one.
    pub attributes: Vec<RequiredAttribute<'a>>,
    /// The tasks that this one is spread among: a service's, or a family's.
    pub group: &'a str,
    /// No other task of the group on the same node.
    pub distinct_instance: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequiredAttribute<'a> {
    pub name: &'a str,
    pub value: Option<&'a str>,
}

/// The answer: a position in the candidates, when one fits, and always the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub chosen: Option<usize>,
    pub explanation: Explanation,
}

/// Chooses among candidates. `draw` is the caller's randomness: only [`Strategy::Random`] looks at it.
pub fn place<N: Node>(
    candidates: &[N],
    need: &Need<'_>,
    strategies: &[Strategy],
    draw: u64,
) -> Decision {
    let mut explanation = Explanation::default();
    let mut fitting = Vec::new();
    for (position, node) in candidates.iter().enumerate() {
        explanation.considered += 1;
        match filter::check(node, need) {
            Ok(()) => fitting.push(position),
            Err(refusal) => explanation.note(node.id(), refusal),
        }
    }
    explanation.fitting = u32::try_from(fitting.len()).unwrap_or(u32::MAX);
    let chosen = strategy::choose(candidates, fitting, need, strategies, draw);
    Decision {
        chosen,
        explanation,
    }
}

/// Why one node does not take the task; `None` when it does. RunTask answers this node by node.
pub fn refusal<N: Node>(node: &N, need: &Need<'_>) -> Option<Filter> {
    filter::check(node, need)
        .err()
        .map(|refusal| refusal.filter)
}

#[cfg(test)]
mod tests;
