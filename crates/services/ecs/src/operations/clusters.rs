//! What the cluster operations share.

use api_ecs::{errors, types::CapacityProviderStrategyItem};
use ecs_rules::{
    Refusal,
    capacity_strategy::{self, Item},
    cluster::FARGATE_PROVIDERS,
};
use state::{Head, Record};
use wire::{Access, Caller, Error};

use super::capacity_providers;
use crate::{
    access::scope_of,
    counts::{ClusterCounts, Counts},
    lookup,
    records::{ClusterRecord, StrategyItem},
};

/// An action on a cluster itself.
pub(super) fn on_cluster(action: &'static str, caller: &Caller, cluster: Option<&str>) -> Access {
    let name = lookup::cluster_name(caller, cluster)
        .unwrap_or_else(|_| cluster.unwrap_or_default().to_owned());
    Access::action(action).resource(scope_of(caller).cluster(&name))
}

pub(super) fn counts(head: &Head, cluster: &ClusterRecord) -> Counts {
    head.view::<ClusterCounts>().of(&cluster.key())
}

/// The argument of operations that have no default cluster.
pub(super) fn required(cluster: Option<&str>) -> Result<&str, Error> {
    cluster
        .filter(|cluster| !cluster.is_empty())
        .ok_or_else(|| errors::invalid_parameter_exception("Cluster should not be null or empty."))
}

pub(super) fn provider_exists(head: &Head, caller: &Caller, name: &str) -> bool {
    FARGATE_PROVIDERS.contains(&name) || capacity_providers::find(head, caller, name).is_some()
}

/// The short names of a request that may also name providers by their ARNs.
pub(super) fn provider_names(asked: Vec<String>) -> Vec<String> {
    let names = asked.iter().map(|name| capacity_providers::short(name));
    names.map(str::to_owned).collect()
}

/// A default strategy, checked against the cluster's providers.
pub(super) fn strategy(
    head: &Head,
    caller: &Caller,
    items: Vec<CapacityProviderStrategyItem>,
    providers: &[String],
) -> Result<Vec<StrategyItem>, Refusal> {
    let items: Vec<StrategyItem> = items
        .into_iter()
        .map(|item| StrategyItem {
            capacity_provider: capacity_providers::short(
                item.capacity_provider.as_deref().unwrap_or_default(),
            )
            .to_owned(),
            weight: item.weight.unwrap_or(0),
            base: item.base.unwrap_or(0),
        })
        .collect();
    let rule_items: Vec<Item<'_>> = items
        .iter()
        .map(|item| Item {
            provider: &item.capacity_provider,
            weight: item.weight,
            base: item.base,
        })
        .collect();
    let is_associated = |name: &str| providers.iter().any(|provider| provider == name);
    let exists = |name: &str| provider_exists(head, caller, name);
    capacity_strategy::validate(&rule_items, exists, is_associated)
        .map_err(|error| Refusal::invalid_parameter(error.to_string()))?;
    Ok(items)
}
