//! Placement as the API tells it: what was kept with the task, and each node's answer now.

use api_gantry::types::{
    ExplainResponse, FilterCount, FindingTopic, NearestMiss, NodeVerdict, PlacementExplanation,
    PlacementNeeds, StrategyRank,
};
use placement::{Explanation, Need, Strategy, Verdict};
use service_ecs::Wanted;
use service_ecs::records::ContainerInstanceRecord;
use state::Head;

use super::{Explainer, Findings, short};
use crate::{events, operations::count};

/// Nodes that are told one by one.
const NODES_MOST: usize = 1000;

impl Explainer<'_> {
    /// Sentences of an explanation.
    pub(super) fn tell(&self, findings: &mut Findings, wanted: &Wanted, explained: &Explanation) {
        for sentence in sentences(self.head, wanted, explained) {
            findings.add(FindingTopic::PLACEMENT, "PLACEMENT", sentence);
        }
    }

    /// Puts needs, the explanation and, when they are asked for, the nodes' answers into the response.
    pub(super) fn show(
        &self,
        response: &mut ExplainResponse,
        wanted: &Wanted,
        explained: Option<&Explanation>,
    ) {
        response.needs = Some(needs(wanted.need(), wanted.strategies()));
        response.placement = explained.map(|explained| data(self.head, wanted, explained));
        if self.node_by_node {
            let verdicts = wanted.verdicts(self.head);
            let left_out = verdicts.len().saturating_sub(NODES_MOST);
            let verdicts = verdicts.iter().take(NODES_MOST);
            response.nodes = Some(
                verdicts
                    .map(|verdict| self.verdict(wanted, verdict))
                    .collect(),
            );
            response.nodes_left_out = count(left_out);
        }
    }

    fn verdict(&self, wanted: &Wanted, verdict: &Verdict) -> NodeVerdict {
        let key = wanted.node_key(&verdict.node);
        let node = self.head.get::<ContainerInstanceRecord>(&key);
        NodeVerdict {
            node_name: Some(node_name(self.head, wanted, &verdict.node)),
            container_instance_arn: node.map(|node| node.arn()),
            fits: Some(verdict.lacks.is_empty()),
            lacks: Some(verdict.lacks.iter().map(ToString::to_string).collect()),
            ranks: Some(ranks(wanted.strategies(), &verdict.ranks)),
        }
    }
}

/// What was kept of a placement, in words.
pub(crate) fn sentences(head: &Head, wanted: &Wanted, explained: &Explanation) -> Vec<String> {
    explained.sentences(wanted.strategies(), |id| node_name(head, wanted, id))
}

/// The same as data.
pub(crate) fn data(head: &Head, wanted: &Wanted, explained: &Explanation) -> PlacementExplanation {
    PlacementExplanation {
        considered: count(explained.considered as usize),
        fitting: count(explained.fitting as usize),
        refused: Some(refused(explained)),
        nearest_miss: explained.nearest_miss.as_ref().map(|nearest| NearestMiss {
            node_name: Some(node_name(head, wanted, &nearest.node)),
            filter: Some(nearest.filter.failure_reason().to_owned()),
            lacking: Some(nearest.lacking),
        }),
        ranks: Some(ranks(wanted.strategies(), &explained.ranks)),
    }
}

fn node_name(head: &Head, wanted: &Wanted, id: &str) -> String {
    events::node_name(head, &wanted.node_key(id)).unwrap_or_else(|| short(id))
}

/// What a task asks of its node, in words.
pub(super) fn size(need: &Need) -> String {
    let mut text = format!("{} CPU units and {} MiB", need.cpu_units, need.memory_mib);
    let ports: Vec<String> = host_ports(need);
    if !ports.is_empty() {
        text.push_str(&format!(", host ports {}", ports.join(", ")));
    }
    text
}

fn needs(need: &Need, strategies: &[Strategy]) -> PlacementNeeds {
    let attributes = need.attributes.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    });
    let member_of = need.member_of.iter();
    PlacementNeeds {
        cpu_units: Some(need.cpu_units),
        memory_mib: Some(need.memory_mib),
        host_ports: Some(host_ports(need)),
        attributes: Some(attributes.collect()),
        member_of: Some(member_of.map(|own| own.text().to_owned()).collect()),
        distinct_instance: Some(need.distinct_instance),
        strategies: Some(strategies.iter().map(ToString::to_string).collect()),
    }
}

fn host_ports(need: &Need) -> Vec<String> {
    let ports = need.host_ports.iter();
    ports
        .map(|(port, protocol)| format!("{port}/{protocol}"))
        .collect()
}

fn refused(explained: &Explanation) -> Vec<FilterCount> {
    let refused = explained.refused.iter();
    refused
        .map(|(filter, nodes)| FilterCount {
            filter: Some(filter.to_string()),
            reason: Some(filter.failure_reason().to_owned()),
            nodes: count(*nodes as usize),
        })
        .collect()
}

fn ranks(strategies: &[Strategy], ranks: &[i64]) -> Vec<StrategyRank> {
    placement::ranked(strategies)
        .zip(ranks)
        .map(|(strategy, rank)| StrategyRank {
            strategy: Some(strategy.to_string()),
            rank: Some(*rank),
        })
        .collect()
}
