//! Capacity providers of Auto Scaling groups: whose instances are there, and which tasks wait for more of them.

use ecs_rules::capacity_strategy::is_fargate;
use limits::PROVISIONING_TASKS_PER_CLUSTER;
use state::Head;

use crate::records::{
    CapacityProviderRecord, ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord,
};

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
