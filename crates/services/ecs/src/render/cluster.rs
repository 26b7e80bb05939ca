//! Clusters as DescribeClusters shows them.

use api_ecs::types::{
    CapacityProviderStrategyItem, Cluster, ClusterField, ClusterSetting, KeyValuePair,
};

use super::tags;
use crate::{
    counts::{Counts, Kind},
    records::{ClusterRecord, StrategyItem},
};

pub(crate) fn render(record: &ClusterRecord, counts: &Counts, include: &[ClusterField]) -> Cluster {
    let wants = |field: &ClusterField| include.contains(field);
    let sum = |by_kind: &[i32]| Some(by_kind.iter().sum());
    Cluster {
        cluster_arn: Some(record.arn()),
        cluster_name: Some(record.name.clone()),
        status: Some(record.status.as_str().into()),
        registered_container_instances_count: Some(counts.container_instances),
        running_tasks_count: sum(&counts.running_tasks),
        pending_tasks_count: sum(&counts.pending_tasks),
        active_services_count: sum(&counts.active_services),
        statistics: Some(if wants(&ClusterField::STATISTICS) {
            statistics(counts)
        } else {
            vec![]
        }),
        tags: Some(if wants(&ClusterField::TAGS) {
            tags::render(&record.tags)
        } else {
            vec![]
        }),
        settings: Some(if wants(&ClusterField::SETTINGS) {
            settings(record)
        } else {
            vec![]
        }),
        configuration: record
            .configuration
            .as_ref()
            .filter(|_| wants(&ClusterField::CONFIGURATIONS))
            .map(|configuration| configuration.0.clone()),
        capacity_providers: Some(record.capacity_providers.clone()),
        default_capacity_provider_strategy: Some(strategy(
            &record.default_capacity_provider_strategy,
        )),
        attachments: wants(&ClusterField::ATTACHMENTS).then(Vec::new),
        ..Cluster::default()
    }
}

/// Everything there is to show: what Create-, Update- and DeleteCluster answer.
pub(crate) fn render_whole(record: &ClusterRecord, counts: &Counts) -> Cluster {
    let include = [
        ClusterField::TAGS,
        ClusterField::SETTINGS,
        ClusterField::CONFIGURATIONS,
    ];
    render(record, counts, &include)
}

pub(crate) fn strategy(items: &[StrategyItem]) -> Vec<CapacityProviderStrategyItem> {
    items
        .iter()
        .map(|item| CapacityProviderStrategyItem {
            capacity_provider: Some(item.capacity_provider.clone()),
            weight: Some(item.weight),
            base: Some(item.base),
        })
        .collect()
}

fn settings(record: &ClusterRecord) -> Vec<ClusterSetting> {
    record
        .settings
        .iter()
        .map(|setting| setting.0.clone())
        .collect()
}

fn statistics(counts: &Counts) -> Vec<KeyValuePair> {
    let groups = [
        ("running", "TasksCount", &counts.running_tasks),
        ("pending", "TasksCount", &counts.pending_tasks),
        ("active", "ServiceCount", &counts.active_services),
        ("draining", "ServiceCount", &counts.draining_services),
    ];
    let mut statistics = Vec::new();
    for (state, what, by_kind) in groups {
        for kind in Kind::ALL {
            statistics.push(KeyValuePair {
                name: Some(format!("{state}{}{what}", kind.as_str())),
                value: Some(by_kind[kind as usize].to_string()),
            });
        }
    }
    statistics
}
