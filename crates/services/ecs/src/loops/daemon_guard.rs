//! Writes on each container instance which critical daemons do not run there: until they do, placement gives it no other
//! task, and where one failed, services move their tasks elsewhere.

use std::{collections::BTreeSet, sync::Arc};

use kit::{Loop, LoopError, Next};
use state::{Change, Head, Record, StateError};

use crate::{
    Ecs, daemons,
    records::{
        Capacity, ClusterRecord, ContainerInstanceRecord, ContainerInstanceStatus, ServiceRecord,
        TaskRecord,
    },
};

/// Keyed by container instance.
pub(super) struct DaemonGuard(pub Arc<Ecs>);

impl Loop for DaemonGuard {
    const NAME: &'static str = "daemon-guard";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        if let Some((before, after)) = change.of::<TaskRecord>() {
            let Some(task) = after.or(before).filter(|task| task.is_of_daemon()) else {
                return;
            };
            keys.extend(task.container_instance_key.clone());
        } else if let Some((before, after)) = change.of::<ServiceRecord>() {
            let seen = |service: &ServiceRecord| (service.status, service.task_spec.daemon.clone());
            let Some(service) = after.or(before).filter(|one| one.daemon_name().is_some()) else {
                return;
            };
            if before.map(seen) != after.map(seen) {
                let found = self.0.store.read(|head| nodes_of(head, service));
                keys.extend(found.head());
            }
        } else if let Some((before, Some(after))) = change.of::<ContainerInstanceRecord>() {
            let seen = |node: &ContainerInstanceRecord| {
                (node.status, node.capacity_provider().map(str::to_owned))
            };
            if before.map(seen) != Some(seen(after)) {
                keys.insert(after.key());
            }
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        head.scan::<ContainerInstanceRecord>("")
            .filter(|node| node.capacity == Capacity::ContainerInstance)
            .filter(|node| node.status != ContainerInstanceStatus::Inactive)
            .filter(|node| node.awaited_daemons != daemons::awaited(head, node))
            .map(|node| node.key())
            .collect()
    }

    async fn reconcile(&self, key: &str) -> Result<Next, LoopError> {
        let done = self.0.store.transact(|tx| {
            let Some(known) = tx.get::<ContainerInstanceRecord>(key) else {
                return Ok(Next::OnChange);
            };
            let awaited = match known.status {
                ContainerInstanceStatus::Inactive => vec![],
                _ => daemons::awaited(tx, &known),
            };
            if awaited != known.awaited_daemons {
                let mut record = ContainerInstanceRecord::clone(&known);
                record.awaited_daemons = awaited;
                record.version += 1;
                tx.put(record);
            }
            Ok::<_, StateError>(Next::OnChange)
        })?;
        Ok(done.head())
    }
}

fn nodes_of(head: &Head, service: &ServiceRecord) -> Vec<String> {
    let cluster = ClusterRecord::key_of(&service.account, &service.region, &service.cluster);
    head.scan::<ContainerInstanceRecord>(&format!("{cluster}/"))
        .filter(|node| node.status != ContainerInstanceStatus::Inactive)
        .map(|node| node.key())
        .collect()
}
