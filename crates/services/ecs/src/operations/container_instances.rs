//! What the operations on container instances share.

use std::{collections::BTreeSet, sync::Arc};

use api_ecs::{
    errors,
    types::{ContainerInstance, ContainerInstanceField},
};
use names::{Arn, ContainerInstanceReference};
use state::{Head, Record};
use wire::{Access, Caller, Error, Principal};

use crate::{
    NodeUsage,
    access::{in_cluster, scope_of},
    assign, lookup,
    records::{Capacity, ContainerInstanceRecord},
    render,
};

/// An action on one container instance of a cluster.
pub(super) fn on_instance(
    action: &'static str,
    caller: &Caller,
    cluster: Option<&str>,
    instance: Option<&str>,
) -> Access {
    let instance = instance.unwrap_or_default();
    in_cluster(
        action,
        caller,
        cluster,
        |scope, cluster| match Arn::is_arn(instance) {
            true => instance.to_owned(),
            false => scope.container_instance(cluster, instance),
        },
    )
}

/// A container instance that the caller may see: a user those of the cluster, a node its own whatever its capacity.
pub(super) fn find(
    head: &Head,
    caller: &Caller,
    cluster: &str,
    argument: &str,
) -> Option<Arc<ContainerInstanceRecord>> {
    lookup::check_scope(caller, argument).ok()?;
    let reference = ContainerInstanceReference::parse(argument).ok()?;
    let is_ours = |record: &ContainerInstanceRecord| {
        record.account == caller.account && record.region == caller.region
    };
    let is_seen = |record: &ContainerInstanceRecord| match &caller.principal {
        Principal::Node { node_id } => record.node_id == *node_id,
        _ => record.capacity == Capacity::ContainerInstance && record.cluster == cluster,
    };
    head.index::<ContainerInstanceRecord>("by_id", &reference.id)
        .into_iter()
        .find(|record| is_ours(record) && is_seen(record))
}

pub(super) fn render(
    head: &Head,
    record: &ContainerInstanceRecord,
    include: &[ContainerInstanceField],
) -> ContainerInstance {
    let used = head.view::<NodeUsage>().of(&record.key());
    let held_gpus = match record.gpu_ids.is_empty() {
        true => BTreeSet::new(),
        false => assign::held_gpus(head, &record.key()),
    };
    render::container_instance::render(record, &used, &held_gpus, include)
}

pub(super) fn arn_of(caller: &Caller, cluster: &str, argument: &str) -> String {
    match Arn::is_arn(argument) {
        true => argument.to_owned(),
        false => scope_of(caller).container_instance(cluster, argument),
    }
}

pub(super) fn not_found(argument: &str) -> Error {
    errors::invalid_parameter_exception(format!(
        "Referenced container instance {argument} not found."
    ))
}
