//! The nodes that a task may go to, as placement sees them.

use std::sync::Arc;

use placement::{Explanation, Filter, Need, Node, Placement, Standing, Strategy, Verdict};
use state::{Head, Tx};

use crate::{
    NodeUsage,
    launch::Placing,
    records::{ContainerInstanceRecord, TaskRecord},
    usage,
};

/// What placement is asked about one task.
#[derive(Debug, Clone)]
pub struct Wanted {
    pool: String,
    need: Need,
    strategies: Vec<Strategy>,
}

impl Wanted {
    /// `required`: attributes that the node must have.
    pub(crate) fn of(
        task: &TaskRecord,
        required: Vec<(String, Option<String>)>,
        placing: &Placing,
    ) -> Self {
        // Serverless nodes belong to no cluster and serve all.
        let cluster = match task.launch_type.as_str() {
            "FARGATE" => "",
            _ => &task.cluster,
        };
        let strategies = match placing.strategies.is_empty() {
            true => Strategy::default_list(),
            false => placing.strategies.clone(),
        };
        Self {
            pool: usage::pool(&task.account, &task.region, cluster),
            need: Need {
                cpu_units: task.cpu_units,
                memory_mib: task.memory_mib,
                gpus: task.gpus(),
                host_ports: task.host_ports.clone(),
                attributes: required,
                member_of: placing.member_of.clone(),
                group: task.group.clone(),
                distinct_instance: placing.distinct_instance,
                is_daemon: task.is_of_daemon(),
            },
            strategies,
        }
    }

    pub fn need(&self) -> &Need {
        &self.need
    }

    /// The request's strategies; AWS's default where it has none.
    pub fn strategies(&self) -> &[Strategy] {
        &self.strategies
    }

    /// The table's key of a node that placement named.
    pub fn node_key(&self, id: &str) -> String {
        format!("{}/{id}", self.pool)
    }

    /// A node as placement sees it now.
    pub fn seen<'a>(&self, head: &'a Head, id: &str) -> Option<&'a Node> {
        let index = head.view::<NodeUsage>().index();
        index.node(&self.pool, id)
    }

    /// Every node's answer as it is now, the best first. Costs as much as there are nodes.
    pub fn verdicts(&self, head: &Head) -> Vec<Verdict> {
        let index = head.view::<NodeUsage>().index();
        let nodes: Vec<&Node> = index.nodes(&self.pool).collect();
        placement::verdicts(nodes.iter().copied(), &self.need, &self.strategies)
    }

    pub fn place(&self, head: &Head, draw: u64) -> Placement {
        let index = head.view::<NodeUsage>().index();
        index.place(&self.pool, &self.need, &self.strategies, draw)
    }

    pub(super) fn node(&self, tx: &Tx<'_>, id: &str) -> Option<Arc<ContainerInstanceRecord>> {
        tx.get::<ContainerInstanceRecord>(&self.node_key(id))
    }

    /// Whether one node takes the task; one that is not known is INACTIVE.
    pub(super) fn check(&self, head: &Head, id: &str) -> Result<Explanation, Filter> {
        let index = head.view::<NodeUsage>().index();
        let node = index.node(&self.pool, id).ok_or(Filter::Inactive)?;
        match placement::refusal(node, &self.need) {
            Some(refusal) => Err(refusal.filter),
            None => Ok(placement::place([node], &self.need, &[], 0).explanation),
        }
    }

    /// The nodes that match whatever tasks they have, with their standing, by key.
    pub(super) fn matching(&self, head: &Head) -> Vec<(String, Standing)> {
        let nodes = head.view::<NodeUsage>().index().nodes(&self.pool);
        let matching = nodes.filter(|node| placement::matches(node, &self.need));
        let mut matching: Vec<(String, Standing)> = matching
            .map(|node| {
                let key = format!("{}/{}", self.pool, node.facts.id);
                (key, node.facts.standing)
            })
            .collect();
        matching.sort_by(|left, right| left.0.cmp(&right.0));
        matching
    }

    /// Whether a node matches, whatever tasks it has; `None` if it is not known.
    pub fn matches(&self, head: &Head, id: &str) -> Option<bool> {
        let index = head.view::<NodeUsage>().index();
        let node = index.node(&self.pool, id)?;
        Some(placement::matches(node, &self.need))
    }

    /// The container instances of a cluster, as tasks of a definition see them.
    pub(super) fn of_definition(
        (account, region, cluster): (&str, &str, &str),
        required: Vec<(String, Option<String>)>,
        placing: &Placing,
    ) -> Self {
        Self {
            pool: usage::pool(account, region, cluster),
            need: Need {
                attributes: required,
                member_of: placing.member_of.clone(),
                ..Need::default()
            },
            strategies: vec![],
        }
    }

    /// The nodes that do not take the task, at most so many, with the reason of each.
    pub(super) fn refusals(
        &self,
        head: &Head,
        most: usize,
    ) -> Vec<(Arc<ContainerInstanceRecord>, Filter)> {
        let index = head.view::<NodeUsage>().index();
        let refused = index.refusals(&self.pool, &self.need).into_iter();
        let known = refused
            .filter(|(_, refusal)| refusal.filter != Filter::Inactive)
            .filter_map(|(id, refusal)| {
                let node = head.get::<ContainerInstanceRecord>(&self.node_key(&id))?;
                Some((node, refusal.filter))
            });
        known.take(most).collect()
    }
}
