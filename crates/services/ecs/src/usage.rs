//! The nodes as placement sees them, and what their tasks use: a view derived from the tables, so that placing one task
//! costs the same whether there are ten of either or a hundred thousand.

use std::sync::Arc;

use placement::{AVAILABILITY_ZONE, Attributes, Facts, Holding, Index, Phase, Standing};
use state::{Change, View};

pub use placement::Used;

use crate::records::{
    ContainerInstanceRecord, ContainerInstanceStatus, DesiredStatus, TaskRecord, TaskStatus,
};

/// Nodes in pools, and resources in use, by key of the container instance.
#[derive(Debug, Default, PartialEq)]
pub struct NodeUsage {
    index: Index,
}

impl NodeUsage {
    pub fn of(&self, container_instance_key: &str) -> Used {
        self.get(container_instance_key)
            .cloned()
            .unwrap_or_default()
    }

    pub fn get(&self, container_instance_key: &str) -> Option<&Used> {
        let (pool, id) = pool_and_id(container_instance_key);
        self.index.used(pool, id)
    }

    /// Its pools are the clusters, as [`pool`] names them.
    pub fn index(&self) -> &Index {
        &self.index
    }

    fn task(&mut self, task: &TaskRecord, act: fn(&mut Index, &str, &str, &Holding<'_>)) {
        // A stopped task holds nothing, although it stays in the table until it is archived.
        if let Some(key) = &task.container_instance_key
            && task.last_status != TaskStatus::Stopped
        {
            let (pool, id) = pool_and_id(key);
            act(&mut self.index, pool, id, &holding(task));
        }
    }
}

impl View for NodeUsage {
    fn apply(&mut self, change: &Change) {
        if let Some((before, after)) = change.of::<TaskRecord>() {
            if let (Some(before), Some(after)) = (before, after)
                && holds_the_same(before, after)
            {
                return;
            }
            if let Some(task) = before {
                self.task(task, Index::release);
            }
            if let Some(task) = after {
                self.task(task, Index::hold);
            }
        } else if let Some((before, after)) = change.of::<ContainerInstanceRecord>() {
            let (pool, id) = pool_and_id(&change.key);
            match (before.map(facts), after.map(facts)) {
                (before, Some(after)) if before.as_ref() != Some(&after) => {
                    self.index.set(pool, after);
                }
                (Some(_), None) => self.index.remove(pool, id),
                _ => {}
            }
        }
    }
}

/// The pool of a cluster's container instances; that of serverless capacity has no cluster.
pub(crate) fn pool(account: &str, region: &str, cluster: &str) -> String {
    [account, region, cluster].join("/")
}

fn pool_and_id(container_instance_key: &str) -> (&str, &str) {
    container_instance_key
        .rsplit_once('/')
        .unwrap_or(("", container_instance_key))
}

fn holding(task: &TaskRecord) -> Holding<'_> {
    Holding {
        cpu_units: task.cpu_units,
        memory_mib: task.memory_mib,
        gpus: task.gpus(),
        host_ports: &task.host_ports,
        group: &task.group,
        phase: match task.last_status {
            TaskStatus::Running => Phase::Running,
            status if status < TaskStatus::Running => Phase::Pending,
            _ => Phase::Ending,
        },
        is_stopping: task.desired_status == DesiredStatus::Stopped,
    }
}

fn holds_the_same(before: &TaskRecord, after: &TaskRecord) -> bool {
    let is_over = |task: &TaskRecord| task.last_status == TaskStatus::Stopped;
    before.container_instance_key == after.container_instance_key
        && is_over(before) == is_over(after)
        && holding(before) == holding(after)
}

fn facts(node: &ContainerInstanceRecord) -> Facts {
    let zone = (AVAILABILITY_ZONE, Some(node.availability_zone.as_str()));
    let attributes = node
        .all_attributes()
        .map(|attribute| (attribute.name.as_str(), attribute.value.as_deref()));
    Facts {
        id: Arc::from(node.id.as_str()),
        standing: match node.status {
            ContainerInstanceStatus::Inactive => Standing::Inactive,
            ContainerInstanceStatus::Draining => Standing::Draining,
            ContainerInstanceStatus::Active if !node.connection.connected => Standing::Disconnected,
            ContainerInstanceStatus::Active if !node.awaited_daemons.is_empty() => {
                Standing::AwaitsDaemons
            }
            ContainerInstanceStatus::Active => Standing::Ready,
        },
        cpu_units: node.cpu_units,
        memory_mib: node.memory_mib,
        gpus: i64::try_from(node.gpu_ids.len()).unwrap_or(i64::MAX),
        attributes: Arc::new(Attributes::new(attributes.chain([zone]))),
        reserved_tcp_ports: node.reserved_tcp_ports.clone(),
        reserved_udp_ports: node.reserved_udp_ports.clone(),
        agent_connected: node.connection.connected,
        agent_version: node.agent_version.clone(),
        ec2_instance_id: None,
        registered_at_unix_seconds: node.registered_at.0.div_euclid(1000),
    }
}

#[cfg(test)]
mod tests;
