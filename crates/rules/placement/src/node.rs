//! A node as placement sees it: what it is, and what its tasks hold.

use std::{collections::BTreeMap, sync::Arc};

use crate::query::Subject;

#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub facts: Facts,
    pub used: Used,
}

/// What a node is. Changes when it registers, connects, drains or is given attributes, not when it gets tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Unique in its pool; decides ties, so that the same question has the same answer.
    pub id: Arc<str>,
    pub standing: Standing,
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub gpus: i64,
    pub attributes: Arc<Attributes>,
    pub reserved_tcp_ports: Vec<u16>,
    pub reserved_udp_ports: Vec<u16>,
    pub agent_connected: bool,
    /// `1.105.1`; empty when unknown.
    pub agent_version: String,
    pub ec2_instance_id: Option<String>,
    pub registered_at_unix_seconds: i64,
}

/// Whether a node takes tasks at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Critical daemons do not run there yet; only they are placed there.
    AwaitsDaemons,
    Ready,
    Disconnected,
    Draining,
    Inactive,
}

/// Attributes by name. Nodes of one kind share them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Attributes(Vec<(Box<str>, Box<str>)>);

/// What the tasks of one node hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub gpus: i64,
    pub tasks: usize,
    pub running_tasks: usize,
    pub pending_tasks: usize,
    /// Host ports with how many tasks hold them (more than one only across protocols of the same number).
    pub host_ports: BTreeMap<(u16, String), usize>,
    /// Tasks of each service or family group that are not stopping.
    pub groups: BTreeMap<Arc<str>, usize>,
}

/// What one task holds of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding<'a> {
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub gpus: i64,
    pub host_ports: &'a [(u16, String)],
    pub group: &'a str,
    pub phase: Phase,
    /// Told to stop: it holds its resources, but constraints and spreading no longer see it
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-constraints.html>).
    pub is_stopping: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Pending,
    Running,
    Ending,
}

impl Attributes {
    /// Of several with one name the last holds. One without a value has the empty one.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let by_name: BTreeMap<&str, &str> = pairs
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default()))
            .collect();
        let owned = by_name
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self(owned.collect())
    }

    /// The attribute's value (empty when it has none), or `None` when it is not there.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.binary_search_by(|(known, _)| (**known).cmp(name));
        found.ok().map(|position| &*self.0[position].1)
    }
}

impl Node {
    pub fn cpu_units_free(&self) -> i64 {
        self.facts.cpu_units - self.used.cpu_units
    }

    pub fn memory_mib_free(&self) -> i64 {
        self.facts.memory_mib - self.used.memory_mib
    }

    pub fn gpus_free(&self) -> i64 {
        self.facts.gpus - self.used.gpus
    }

    pub fn tasks_of_group(&self, group: &str) -> usize {
        self.used.groups.get(group).copied().unwrap_or_default()
    }

    pub fn is_port_taken(&self, port: u16, protocol: &str) -> bool {
        let reserved = if protocol == "udp" {
            &self.facts.reserved_udp_ports
        } else {
            &self.facts.reserved_tcp_ports
        };
        reserved.contains(&port)
            || !self.used.host_ports.is_empty()
                && self
                    .used
                    .host_ports
                    .contains_key(&(port, protocol.to_owned()))
    }
}

impl Subject for Node {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.facts.attributes.get(name)
    }

    fn is_agent_connected(&self) -> bool {
        self.facts.agent_connected
    }

    fn agent_version(&self) -> &str {
        &self.facts.agent_version
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        self.facts.ec2_instance_id.as_deref()
    }

    fn registered_at_unix_seconds(&self) -> i64 {
        self.facts.registered_at_unix_seconds
    }

    fn running_tasks(&self) -> usize {
        self.used.running_tasks
    }

    fn has_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.used.groups.keys().any(|group| test(group))
    }
}

impl Used {
    /// Adds what a task holds, or with `sign` −1 takes it away.
    pub fn count(&mut self, holding: &Holding<'_>, group: &Arc<str>, sign: i64) {
        self.cpu_units += sign * holding.cpu_units;
        self.memory_mib += sign * holding.memory_mib;
        self.gpus += sign * holding.gpus;
        step(&mut self.tasks, sign);
        match holding.phase {
            Phase::Running => step(&mut self.running_tasks, sign),
            Phase::Pending => step(&mut self.pending_tasks, sign),
            Phase::Ending => {}
        }
        for port in holding.host_ports {
            step_entry(&mut self.host_ports, port.clone(), sign);
        }
        if !holding.is_stopping {
            step_entry(&mut self.groups, Arc::clone(group), sign);
        }
    }
}

fn step(count: &mut usize, sign: i64) {
    *count = count
        .checked_add_signed(sign as isize)
        .expect("only what was counted before is taken away");
}

fn step_entry<K: Ord + Clone>(counts: &mut BTreeMap<K, usize>, key: K, sign: i64) {
    let count = counts.entry(key.clone()).or_insert(0);
    step(count, sign);
    if *count == 0 {
        counts.remove(&key);
    }
}
