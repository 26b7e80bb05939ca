//! Places the tasks that wait for a node: those made while the nodes that would fit were away for a moment, and those of
//! capacity providers that are to bring one. What has waited for too long is given up, as on AWS.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use clock::UnixMillis;
use kit::{Loop, LoopError, Next};
use limits::PROVISIONING_MINUTES;
use state::{Change, Head, Record, StateError};

use crate::{
    Ecs,
    records::{ContainerInstanceRecord, TaskRecord, TaskStatus},
    tasks,
};

/// The only key: all that wait are looked at together, since what frees one node may help any of them.
const WAITING: &str = "waiting";
const WAIT: Duration = Duration::from_secs(PROVISIONING_MINUTES * 60);

pub(super) struct PlaceWaiting(pub Arc<Ecs>);

impl Loop for PlaceWaiting {
    const NAME: &'static str = "place-waiting";
    const SWEEP_EVERY: Duration = Duration::from_secs(10);

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        let node_is_better =
            change
                .of::<ContainerInstanceRecord>()
                .is_some_and(|(before, after)| {
                    let offers = |node: &ContainerInstanceRecord| {
                        (
                            node.connection.connected,
                            node.cpu_units,
                            node.memory_mib,
                            node.gpu_ids.len(),
                            node.status,
                            node.awaited_daemons.is_empty(),
                        )
                    };
                    before.map(offers) != after.map(offers)
                });
        let task_is_over = change.of::<TaskRecord>().is_some_and(|(_, after)| {
            after.is_some_and(|task| task.last_status == TaskStatus::Stopped)
        });
        if node_is_better || task_is_over {
            keys.insert(WAITING.into());
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        if head.index_len::<TaskRecord>("by_work", "unplaced") == 0 {
            return vec![];
        }
        vec![WAITING.into()]
    }

    async fn reconcile(&self, _key: &str) -> Result<Next, LoopError> {
        let waiting = self.0.store.read(|head| {
            let mut tasks = head.index::<TaskRecord>("by_work", "unplaced");
            tasks.sort_by_key(|task| task.created_at);
            let kinds = tasks
                .iter()
                .map(|task| (task.key(), Kind::of(task), task.created_at + WAIT));
            kinds.collect::<Vec<_>>()
        });
        let now = self.0.clock.now();
        let mut next = Next::OnChange;
        // What one of a kind did not get, the others of its kind do not get either.
        let mut refused = HashSet::new();
        for (key, kind, ends_at) in waiting.head() {
            let is_refused = refused.contains(&kind) || !self.place(&key)?;
            if !is_refused {
                continue;
            }
            refused.insert(kind);
            if ends_at <= now {
                self.give_up(&key, now)?;
            } else if next == Next::OnChange {
                // The others came later.
                next = Next::At(ends_at);
            }
        }
        Ok(next)
    }
}

impl PlaceWaiting {
    fn place(&self, key: &str) -> Result<bool, StateError> {
        let ecs = &self.0;
        let placed = ecs.store.transact(|tx| tasks::place_again(ecs, tx, key))?;
        Ok(placed.head())
    }

    fn give_up(&self, key: &str, now: UnixMillis) -> Result<(), StateError> {
        let ecs = &self.0;
        let given_up = ecs.store.transact(|tx| {
            tasks::give_up_waiting(ecs, tx, key, now);
            Ok::<_, StateError>(())
        })?;
        given_up.head();
        Ok(())
    }
}

/// Tasks of one kind fit the same nodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    cluster: String,
    family: String,
    revision: i32,
    group: String,
    capacity_provider: Option<String>,
    size: (i64, i64, i64),
    /// Constraints and strategies.
    placing: String,
}

impl Kind {
    fn of(task: &TaskRecord) -> Self {
        Self {
            cluster: TaskRecord::key_of(&task.account, &task.region, &task.cluster, ""),
            family: task.family.clone(),
            revision: task.revision,
            group: task.group.clone(),
            capacity_provider: task.capacity_provider.clone(),
            size: (task.cpu_units, task.memory_mib, task.gpus()),
            placing: format!("{:?}", task.placing),
        }
    }
}
