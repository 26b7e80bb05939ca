//! Capacity providers of Auto Scaling groups: whose instances are there, and which tasks wait for more of them.

use ecs_rules::capacity_strategy::is_fargate;
use limits::PROVISIONING_TASKS_PER_CLUSTER;
use state::Head;

use crate::records::{
    CapacityProviderRecord, ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord,
};

// Reasons of failures and stops
// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>).
pub(crate) const NO_ADDRESS: &str = "RESOURCE:ENI";
pub(crate) const EMPTY_CAPACITY_PROVIDER: &str = "EMPTY CAPACITY PROVIDER";
pub(crate) const FARGATE_UNAVAILABLE: &str = "Capacity is unavailable at this time. Please try again later or in a different availability zone";
const NO_ACTIVE_INSTANCES: &str = "NO ACTIVE INSTANCES";

/// Whether a task without room waits in PROVISIONING: its provider's managed scaling is to bring capacity, and not too many
/// of the cluster wait already
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-auto-scaling.html>).
pub(super) fn may_wait(head: &Head, task: &TaskRecord) -> bool {
    let Some(provider) = own_provider(task) else {
        return false;
    };
    let key = CapacityProviderRecord::key_of(&task.account, &task.region, provider);
    let is_scaled = head
        .get::<CapacityProviderRecord>(&key)
        .is_some_and(|provider| provider.is_scaled());
    is_scaled && waiting(head, task) < PROVISIONING_TASKS_PER_CLUSTER
}

/// Whether the task's provider has no container instance that could take one.
pub(super) fn is_provider_empty(head: &Head, task: &TaskRecord) -> bool {
    let Some(provider) = own_provider(task) else {
        return false;
    };
    let prefix = ContainerInstanceRecord::key_of(&task.account, &task.region, &task.cluster, "");
    !head.scan::<ContainerInstanceRecord>(&prefix).any(|node| {
        node.status == ContainerInstanceStatus::Active && node.capacity_provider() == Some(provider)
    })
}

/// Why a task that waited got no node, by its last explanation.
pub(super) fn why_none_came(head: &Head, task: &TaskRecord) -> &'static str {
    if task.launch_type == "FARGATE" {
        return FARGATE_UNAVAILABLE;
    }
    if is_provider_empty(head, task) {
        return EMPTY_CAPACITY_PROVIDER;
    }
    let explanation = task.placement.as_ref();
    match explanation {
        // A node would take it, but the subnets have no address for it.
        Some(explanation) if explanation.fitting > 0 => NO_ADDRESS,
        Some(explanation) => explanation
            .nearest_miss
            .as_ref()
            .map_or(NO_ACTIVE_INSTANCES, |miss| miss.filter.failure_reason()),
        None => NO_ACTIVE_INSTANCES,
    }
}

fn own_provider(task: &TaskRecord) -> Option<&str> {
    let provider = task.capacity_provider.as_deref()?;
    (!is_fargate(provider)).then_some(provider)
}

fn waiting(head: &Head, task: &TaskRecord) -> usize {
    let unplaced = head.index::<TaskRecord>("by_work", "unplaced");
    let of_cluster = unplaced.iter().filter(|other| {
        (&other.account, &other.region, &other.cluster)
            == (&task.account, &task.region, &task.cluster)
    });
    of_cluster
        .filter(|other| own_provider(other).is_some())
        .count()
}
