//! `CapacityProviderReservation` of every provider whose managed scaling is on, cluster by cluster.

use ecs_rules::{
    capacity_reservation::{InstanceView, Size, reservation_percent},
    capacity_strategy::is_fargate,
};
use state::{Head, Record};

use crate::{
    loops::service_scheduler::daemon,
    records::{
        CapacityProviderRecord, ClusterRecord, ContainerInstanceRecord, ContainerInstanceStatus,
        TaskRecord,
    },
};

/// The figure of one provider in one cluster, in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Reservation {
    pub cluster: String,
    pub capacity_provider: String,
    pub percent: f64,
}

/// Looks at the instances of clusters that have such a provider, and at what waits.
pub fn reservations(head: &Head) -> Vec<Reservation> {
    let mut found = vec![];
    for cluster in head.scan::<ClusterRecord>("") {
        let providers = cluster.capacity_providers.iter();
        for name in providers.filter(|name| !is_fargate(name)) {
            let key = CapacityProviderRecord::key_of(&cluster.account, &cluster.region, name);
            let record = head.get::<CapacityProviderRecord>(&key);
            if record.is_some_and(|record| record.is_scaled()) {
                found.push(Reservation {
                    cluster: cluster.name.clone(),
                    capacity_provider: name.clone(),
                    percent: percent(head, cluster, name),
                });
            }
        }
    }
    found
}

fn percent(head: &Head, cluster: &ClusterRecord, provider: &str) -> f64 {
    let (account, region) = (&cluster.account, &cluster.region);
    let prefix = ContainerInstanceRecord::key_of(account, region, &cluster.name, "");
    let own = head
        .scan::<ContainerInstanceRecord>(&prefix)
        .filter(|node| {
            node.status == ContainerInstanceStatus::Active
                && node.capacity_provider() == Some(provider)
        });
    let instances: Vec<InstanceView> = own
        .map(|node| InstanceView {
            size: Size {
                cpu_units: node.cpu_units,
                memory_mib: node.memory_mib,
                gpus: i64::try_from(node.gpu_ids.len()).unwrap_or(i64::MAX),
            },
            is_busy: daemon::has_other_tasks(head, &node.key()),
        })
        .collect();
    let unplaced = head.index::<TaskRecord>("by_work", "unplaced");
    let waiting: Vec<Size> = unplaced
        .iter()
        .filter(|task| {
            task.cluster == cluster.name
                && (&task.account, &task.region) == (account, region)
                && task.capacity_provider.as_deref() == Some(provider)
        })
        .map(|task| Size {
            cpu_units: task.cpu_units,
            memory_mib: task.memory_mib,
            gpus: task.gpus(),
        })
        .collect();
    reservation_percent(&instances, &waiting)
}
