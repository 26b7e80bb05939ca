//! Places the tasks that wait for a node: those made while the nodes that would fit were away for a moment.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use kit::{Loop, LoopError, Next};
use state::{Change, Head, Record};

use crate::{
    Ecs,
    records::{ContainerInstanceRecord, TaskRecord, TaskStatus},
    tasks,
};

/// The only key: all that wait are looked at together, since what frees one node may help any of them.
const WAITING: &str = "waiting";

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
            let kinds = tasks.iter().map(|task| (task.key(), Kind::of(task)));
            kinds.collect::<Vec<_>>()
        });
        // What one of a kind did not get, the others of its kind do not get either.
        let mut refused = HashSet::new();
        for (key, kind) in waiting.head() {
            if refused.contains(&kind) {
                continue;
            }
            let placed = self
                .0
                .store
                .transact(|tx| tasks::place_again(&self.0, tx, &key))?;
            if !placed.head() {
                refused.insert(kind);
            }
        }
        Ok(Next::OnChange)
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
