//! Deletes the task definitions that are DELETE_IN_PROGRESS when no task and no deployment uses them any more.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use clock::UnixMillis;
use kit::{Loop, LoopError, Next};
use state::{Change, Head, Record, StateError};

use crate::{
    Ecs,
    loops::ROWS_AT_ONCE,
    records::{
        ServiceRecord, ServiceStatus, TaskDefinitionRecord, TaskDefinitionStatus, TaskRecord,
        TaskStatus,
    },
};

/// The only key: one pass over tasks and services answers for all definitions that are to go.
const DOOMED: &str = "doomed";
/// Daemon task definitions that are DELETED, and still described.
const DELETED: &str = "deleted";
/// For how long after the request.
const DESCRIBED: Duration = Duration::from_secs(30 * 24 * 3600);

/// Woken when a definition is given up. After that only the sweep looks whether its last task has ended: as on AWS,
/// from time to time, for which no index over all tasks has to be kept.
pub(super) struct DeleteDefinitions(pub Arc<Ecs>);

impl Loop for DeleteDefinitions {
    const NAME: &'static str = "delete-definitions";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        let is_doomed = change
            .of::<TaskDefinitionRecord>()
            .is_some_and(|(_, after)| after.is_some_and(is_doomed));
        if is_doomed {
            keys.insert(DOOMED.into());
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        let count = |kind: &str| head.index_len::<TaskDefinitionRecord>("by_work", kind);
        match count(DOOMED) + count(DELETED) {
            0 => vec![],
            _ => vec![DOOMED.into()],
        }
    }

    async fn reconcile(&self, _key: &str) -> Result<Next, LoopError> {
        let now = self.0.clock.now();
        let looked = self.0.store.read(|head| {
            let mut keys = unused(head);
            keys.extend(forgotten(head, now));
            keys
        });
        for keys in looked.head().chunks(ROWS_AT_ONCE) {
            let done = self.0.store.transact(|tx| {
                for key in keys {
                    // Nothing new can use it: RunTask, StartTask and the services take ACTIVE ones only.
                    let known = tx.get::<TaskDefinitionRecord>(key);
                    let shown = known.filter(|known| known.is_of_daemon() && is_doomed(known));
                    match shown {
                        Some(known) => {
                            let mut record = TaskDefinitionRecord::clone(&known);
                            record.status = TaskDefinitionStatus::Deleted;
                            tx.put(record);
                        }
                        None => {
                            tx.delete::<TaskDefinitionRecord>(key);
                        }
                    }
                }
                Ok::<_, StateError>(())
            })?;
            done.head();
        }
        Ok(Next::OnChange)
    }
}

fn is_doomed(definition: &TaskDefinitionRecord) -> bool {
    definition.status == TaskDefinitionStatus::DeleteInProgress
}

/// Keys of the definitions that may go.
fn unused(head: &Head) -> Vec<String> {
    let doomed = head.index::<TaskDefinitionRecord>("by_work", DOOMED);
    if doomed.is_empty() {
        return vec![];
    }
    let used = used(head);
    let keys = doomed.iter().map(|definition| definition.key());
    keys.filter(|key| !used.contains(key)).collect()
}

fn forgotten(head: &Head, now: UnixMillis) -> Vec<String> {
    let deleted = head.index::<TaskDefinitionRecord>("by_work", DELETED);
    let is_old = |record: &&Arc<TaskDefinitionRecord>| {
        let since = record.deregistered_at.unwrap_or(record.registered_at);
        now.since(since) >= DESCRIBED
    };
    let old = deleted.iter().filter(is_old);
    old.map(|record| record.key()).collect()
}

fn used(head: &Head) -> HashSet<String> {
    let mut used = HashSet::new();
    for task in head.scan::<TaskRecord>("") {
        if task.last_status != TaskStatus::Stopped {
            used.insert(TaskDefinitionRecord::key_of(
                &task.account,
                &task.region,
                &task.family,
                task.revision,
            ));
        }
    }
    for service in head.scan::<ServiceRecord>("") {
        if service.status == ServiceStatus::Inactive {
            continue;
        }
        // A deployment that fails is rolled back to the candidate, whose tasks may be gone.
        let candidate = service.rollback_candidate.iter();
        let specs = service.all_deployments().map(|own| &own.task_spec);
        let specs = specs.chain(candidate.map(|candidate| &candidate.task_spec));
        used.extend(
            specs
                .chain([&service.task_spec])
                .map(|spec| spec.definition_key(service)),
        );
    }
    used
}
