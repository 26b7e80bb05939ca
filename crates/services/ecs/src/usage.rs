//! What the tasks on each node use: a view derived from the tasks, so that placing one task costs the same
//! whether the node has ten tasks or ten thousand.

use std::collections::{BTreeMap, HashMap};

use state::{Change, View};

use crate::records::{TaskRecord, TaskStatus};

/// Resources in use, by key of the container instance.
#[derive(Debug, Default, PartialEq)]
pub struct NodeUsage {
    nodes: HashMap<String, Used>,
}

/// What one node's tasks hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub tasks: usize,
    pub running_tasks: usize,
    pub pending_tasks: usize,
    /// Host ports with how many tasks hold them (more than one only across protocols of the same number).
    pub host_ports: BTreeMap<(u16, String), usize>,
    /// Tasks of each service or family group: spreading wants it.
    pub groups: BTreeMap<String, usize>,
}

impl NodeUsage {
    pub fn of(&self, container_instance_key: &str) -> Used {
        self.nodes
            .get(container_instance_key)
            .cloned()
            .unwrap_or_default()
    }

    pub fn get(&self, container_instance_key: &str) -> Option<&Used> {
        self.nodes.get(container_instance_key)
    }

    fn count(&mut self, task: &TaskRecord, sign: i64) {
        let Some(key) = &task.container_instance_key else {
            return;
        };
        // A stopped task holds nothing, although it stays in the table until it is archived.
        if task.last_status == TaskStatus::Stopped {
            return;
        }
        let used = self.nodes.entry(key.clone()).or_default();
        used.cpu_units += sign * task.cpu_units;
        used.memory_mib += sign * task.memory_mib;
        step(&mut used.tasks, sign);
        match task.last_status {
            TaskStatus::Running => step(&mut used.running_tasks, sign),
            status if status < TaskStatus::Running => step(&mut used.pending_tasks, sign),
            _ => {}
        }
        for port in &task.host_ports {
            step_entry(&mut used.host_ports, port.clone(), sign);
        }
        step_entry(&mut used.groups, task.group.clone(), sign);
        if used.tasks == 0 {
            self.nodes.remove(key);
        }
    }
}

impl View for NodeUsage {
    fn apply(&mut self, change: &Change) {
        if let Some((before, after)) = change.of::<TaskRecord>() {
            if let Some(task) = before {
                self.count(task, -1);
            }
            if let Some(task) = after {
                self.count(task, 1);
            }
        }
    }
}

fn step(count: &mut usize, sign: i64) {
    *count = count
        .checked_add_signed(sign as isize)
        .expect("a view takes away only what it counted before");
}

fn step_entry<K: Ord + Clone>(counts: &mut BTreeMap<K, usize>, key: K, sign: i64) {
    let count = counts.entry(key.clone()).or_insert(0);
    step(count, sign);
    if *count == 0 {
        counts.remove(&key);
    }
}

#[cfg(test)]
mod tests;
