//! Which node takes a task, and why not the others.
//!
//! The order is ECS's: resources, then constraints, then strategies in turn, each keeping only the best of what the
//! one before left (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html>). Pure: no I/O,
//! no clock; randomness is an argument.
//!
//! [`place`] says what the answer is, by looking at every node. [`Index`] gives the same answer for what changed.

mod explain;
mod filter;
mod index;
mod lack;
mod need;
mod node;
pub mod query;
mod scan;
mod strategy;
mod words;

pub use explain::{Explanation, NearestMiss};
pub use filter::{Filter, Refusal};
pub use index::{Index, Placement};
pub use lack::{Lack, lacks};
pub use need::{MemberOf, Need};
pub use node::{Attributes, Facts, Holding, Node, Phase, Standing, Used};
pub use scan::{Decision, Verdict, matches, place, refusal, verdicts};
pub use strategy::{AVAILABILITY_ZONE, MOST_STRATEGIES, Resource, SpreadOver, Strategy, ranked};

#[cfg(test)]
mod tests;
