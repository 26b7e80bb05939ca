//! Ends the tasks of a node that is INACTIVE: it will never report again.

use std::{collections::BTreeSet, sync::Arc};

use ecs_rules::task_state::stop_code;
use kit::{Loop, LoopError, Next};
use state::{Change, Head, Record, StateError};

use crate::{
    Ecs,
    loops::ROWS_AT_ONCE,
    records::{ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord, TaskStatus},
    tasks,
};

/// Keyed by container instance.
pub(super) struct LostNode(pub Arc<Ecs>);

impl Loop for LostNode {
    const NAME: &'static str = "lost_node";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        let is_lost = change
            .of::<ContainerInstanceRecord>()
            .is_some_and(|(_, after)| after.is_none_or(is_inactive));
        if is_lost {
            keys.insert(change.key.to_string());
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        head.scan::<ContainerInstanceRecord>("")
            .filter(|node| is_inactive(node))
            .map(|node| node.key())
            .filter(|key| head.index_len::<TaskRecord>("by_container_instance", key) > 0)
            .collect()
    }

    async fn reconcile(&self, key: &str) -> Result<Next, LoopError> {
        let looked = self.0.store.read(|head| {
            let node = head.get::<ContainerInstanceRecord>(key);
            if node.is_some_and(|node| !is_inactive(&node)) {
                return vec![];
            }
            let tasks = head.index::<TaskRecord>("by_container_instance", key);
            let living = tasks
                .iter()
                .filter(|task| task.last_status != TaskStatus::Stopped);
            living.map(|task| task.key()).collect()
        });
        let now = self.0.clock.now();
        let id = key.rsplit('/').next().unwrap_or_default();
        let reason = format!("Container instance {id} was deregistered.");
        for keys in looked.head().chunks(ROWS_AT_ONCE) {
            let done = self.0.store.transact(|tx| {
                for key in keys {
                    tasks::abandon(tx, key, stop_code::INFRASTRUCTURE_HEALTH, &reason, now);
                }
                Ok::<_, StateError>(())
            })?;
            done.head();
        }
        Ok(Next::OnChange)
    }
}

fn is_inactive(node: &ContainerInstanceRecord) -> bool {
    node.status == ContainerInstanceStatus::Inactive
}
