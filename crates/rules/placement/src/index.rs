//! The nodes of every cluster, kept ready for placing: what a placement costs follows what changed since the last one of
//! its kind, not how many nodes there are.
//!
//! Nodes lie in pools, one a cluster. Each [`crate::Need`] with its strategies is a question; a pool keeps the questions that
//! it was asked lately, each with its nodes in order, and brings one up to date with the nodes that changed before it
//! answers. The answers are those of [`crate::place`] over all nodes; a property test says so.

mod groups;
mod pool;
mod question;

use std::{collections::HashMap, sync::Arc};

use crate::{Attributes, Explanation, Facts, Holding, Need, Node, Refusal, Strategy, Used};

use pool::Pool;

/// Nodes in pools. A node that is not known yet may already hold tasks.
#[derive(Debug, Default)]
pub struct Index {
    pools: HashMap<Box<str>, Pool>,
    /// Nodes of one kind have the same attributes.
    attributes: Interner<Attributes>,
}

/// The answer of [`Index::place`].
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Id of the node, when one fits.
    pub chosen: Option<Arc<str>>,
    pub explanation: Explanation,
}

impl Index {
    /// Adds a node, or takes what it is now.
    pub fn set(&mut self, pool: &str, mut facts: Facts) {
        facts.attributes = self.attributes.share(facts.attributes);
        self.pool(pool).set(facts);
    }

    /// Takes a node out; what its tasks hold is still counted.
    pub fn remove(&mut self, pool: &str, id: &str) {
        self.change(pool, |pool| pool.remove(id));
        self.attributes.forget_unused();
    }

    /// A task is on the node.
    pub fn hold(&mut self, pool: &str, id: &str, holding: &Holding<'_>) {
        self.pool(pool).count(id, holding, 1);
    }

    /// A task that was counted by [`Index::hold`] with the same values is there no more.
    pub fn release(&mut self, pool: &str, id: &str, holding: &Holding<'_>) {
        self.change(pool, |pool| pool.count(id, holding, -1));
    }

    /// What the tasks of a node hold; none when it has none.
    pub fn used(&self, pool: &str, id: &str) -> Option<&Used> {
        self.pools.get(pool)?.used(id)
    }

    pub fn node(&self, pool: &str, id: &str) -> Option<&Node> {
        self.pools.get(pool)?.node(id)
    }

    /// The nodes of a pool, in no order.
    pub fn nodes(&self, pool: &str) -> impl Iterator<Item = &Node> {
        self.pools.get(pool).into_iter().flat_map(Pool::nodes)
    }

    /// The Availability Zones of a pool's nodes, in order.
    pub fn zones(&self, pool: &str) -> impl Iterator<Item = &str> {
        self.pools.get(pool).into_iter().flat_map(Pool::zones)
    }

    /// Chooses a node for one task. `draw` is the caller's randomness: only [`Strategy::Random`] looks at it.
    pub fn place(&self, pool: &str, need: &Need, strategies: &[Strategy], draw: u64) -> Placement {
        match self.pools.get(pool) {
            Some(pool) => pool.place(need, strategies, draw),
            None => Placement {
                chosen: None,
                explanation: Explanation::default(),
            },
        }
    }

    /// The nodes that do not take the task, each with its reason, by id. Costs as much as there are nodes.
    pub fn refusals(&self, pool: &str, need: &Need) -> Vec<(Arc<str>, Refusal)> {
        let refused = self.nodes(pool).filter_map(|node| {
            let refusal = crate::refusal(node, need)?;
            Some((Arc::clone(&node.facts.id), refusal))
        });
        let mut refused: Vec<_> = refused.collect();
        refused.sort_by(|left, right| left.0.cmp(&right.0));
        refused
    }

    fn pool(&mut self, name: &str) -> &mut Pool {
        if !self.pools.contains_key(name) {
            self.pools.insert(name.into(), Pool::default());
        }
        self.pools
            .get_mut(name)
            .expect("it is there or was just added")
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Pool)) {
        if let Some(pool) = self.pools.get_mut(name) {
            change(pool);
            if pool.is_empty() {
                self.pools.remove(name);
            }
        }
    }
}

/// Equal when they hold the same nodes and the same tasks, however they came there.
impl PartialEq for Index {
    fn eq(&self, other: &Self) -> bool {
        let content = |index: &Self| {
            let pools = index.pools.iter();
            pools
                .map(|(name, pool)| (name.clone(), pool.content()))
                .collect::<HashMap<_, _>>()
        };
        content(self) == content(other)
    }
}

/// One copy of equal values.
#[derive(Debug)]
struct Interner<T> {
    known: std::collections::HashSet<Arc<T>>,
    /// Grows with what is in use, so that looking for the unused costs nothing in the end.
    look_at: usize,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            known: std::collections::HashSet::new(),
            look_at: 64,
        }
    }
}

impl<T: Eq + std::hash::Hash> Interner<T> {
    fn share(&mut self, value: Arc<T>) -> Arc<T> {
        if let Some(known) = self.known.get(&value) {
            return Arc::clone(known);
        }
        self.forget_unused();
        self.known.insert(Arc::clone(&value));
        value
    }

    fn forget_unused(&mut self) {
        if self.known.len() >= self.look_at {
            self.known.retain(|value| Arc::strong_count(value) > 1);
            self.look_at = (2 * self.known.len()).max(64);
        }
    }
}
