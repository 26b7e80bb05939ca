//! The nodes that a task may go to, as placement sees them.

use std::sync::Arc;

use placement::{Explanation, Filter, Need, Node, RequiredAttribute, Standing, Strategy};
use state::Tx;

use crate::{
    NodeUsage,
    records::{ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord},
    usage::Used,
};

/// What placement needs to know beside the task's record.
pub(super) struct Wanted<'a> {
    pub required: Vec<(String, Option<String>)>,
    pub distinct_instance: bool,
    pub strategies: &'a [Strategy],
}

pub(super) struct Choice {
    pub node: Option<Arc<ContainerInstanceRecord>>,
    pub explanation: Explanation,
    pub by_instance: Vec<(String, Filter)>,
}

pub(super) fn choose(tx: &Tx<'_>, task: &TaskRecord, wanted: &Wanted<'_>, draw: u64) -> Choice {
    // Serverless nodes belong to no cluster and serve all.
    let is_serverless = task.launch_type == "FARGATE";
    let cluster = if is_serverless { "" } else { &task.cluster };
    let prefix = ContainerInstanceRecord::key_of(&task.account, &task.region, cluster, "");
    let usage = tx.view::<NodeUsage>();
    let nodes: Vec<PoolNode<'_>> = tx
        .scan::<ContainerInstanceRecord>(&prefix)
        .filter(|record| record.status != ContainerInstanceStatus::Inactive)
        .map(|record| PoolNode {
            record,
            used: usage.get(&state::Record::key(&**record)),
        })
        .collect();
    let need = Need {
        cpu_units: task.cpu_units,
        memory_mib: task.memory_mib,
        host_ports: &task.host_ports,
        attributes: wanted
            .required
            .iter()
            .map(|(name, value)| RequiredAttribute {
                name,
                value: value.as_deref(),
            })
            .collect(),
        group: &task.group,
        distinct_instance: wanted.distinct_instance,
    };
    let default_strategies;
    let strategies = if wanted.strategies.is_empty() {
        default_strategies = Strategy::default_list();
        &default_strategies
    } else {
        wanted.strategies
    };
    let decision = placement::place(&nodes, &need, strategies, draw);
    let by_instance = match decision.chosen {
        None if !is_serverless => nodes
            .iter()
            .filter_map(|node| Some((node.record.arn(), placement::refusal(node, &need)?)))
            .collect(),
        _ => vec![],
    };
    Choice {
        node: decision
            .chosen
            .map(|chosen| Arc::clone(nodes[chosen].record)),
        explanation: decision.explanation,
        by_instance,
    }
}

struct PoolNode<'a> {
    record: &'a Arc<ContainerInstanceRecord>,
    used: Option<&'a Used>,
}

impl Node for PoolNode<'_> {
    fn id(&self) -> &str {
        &self.record.id
    }

    fn standing(&self) -> Standing {
        match self.record.status {
            ContainerInstanceStatus::Inactive => Standing::Inactive,
            ContainerInstanceStatus::Draining => Standing::Draining,
            ContainerInstanceStatus::Active if self.record.connection.connected => Standing::Ready,
            ContainerInstanceStatus::Active => Standing::Disconnected,
        }
    }

    fn cpu_units_free(&self) -> i64 {
        self.record.cpu_units - self.used.map_or(0, |used| used.cpu_units)
    }

    fn memory_mib_free(&self) -> i64 {
        self.record.memory_mib - self.used.map_or(0, |used| used.memory_mib)
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        if name == "ecs.availability-zone" {
            return Some(&self.record.availability_zone);
        }
        let known = self.record.all_attributes();
        let mut found = known.filter(|attribute| attribute.name == name);
        found
            .next()
            .map(|attribute| attribute.value.as_deref().unwrap_or_default())
    }

    fn is_port_taken(&self, port: u16, protocol: &str) -> bool {
        let reserved = if protocol == "udp" {
            &self.record.reserved_udp_ports
        } else {
            &self.record.reserved_tcp_ports
        };
        reserved.contains(&port)
            || self
                .used
                .is_some_and(|used| used.host_ports.contains_key(&(port, protocol.to_owned())))
    }

    fn tasks(&self) -> usize {
        self.used.map_or(0, |used| used.tasks)
    }

    fn tasks_of_group(&self, group: &str) -> usize {
        self.used
            .and_then(|used| used.groups.get(group).copied())
            .unwrap_or_default()
    }
}
