//! Keeps services at their desired count and carries deployments out: the planner of `ecs_rules::deployment` says what
//! to do, and this does it, a bounded number of tasks in one transaction, until nothing is left to do.

pub(crate) mod act;
pub(crate) mod daemon;
pub(crate) mod look;
mod rebalance;
pub mod rehearsal;
mod rollout;
mod task_sets;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kit::{Loop, LoopError, Next, facts::HookAnswer};
use limits::INACTIVE_SERVICE_HOURS;
use state::{Change, Head, Record, Tx};

use crate::{
    Ecs, deployments, hook_calls,
    records::{
        AlarmStateRecord, ContainerInstanceRecord, ServiceDeploymentRecord, ServiceEventRecord,
        ServiceRecord, ServiceStatus, TaskRecord, TaskStatus,
    },
};

/// A service without room is tried again although nothing was seen to change.
const RETRY_WITHOUT_ROOM: Duration = Duration::from_secs(10);
/// How long an INACTIVE service stays describable.
const INACTIVE_KEPT: Duration = Duration::from_secs(INACTIVE_SERVICE_HOURS * 3600);

pub(crate) struct ServiceScheduler {
    ecs: Arc<Ecs>,
    /// Services that found no node for a task. Only a hint of whom to wake: the records know too.
    waiting: Mutex<BTreeSet<String>>,
}

impl ServiceScheduler {
    pub fn new(ecs: Arc<Ecs>) -> Self {
        Self {
            ecs,
            waiting: Mutex::default(),
        }
    }

    /// A node that is new, back or free of a task wakes who waits for one: all of them, or one for each task.
    fn wake_waiting(&self, change: &Change, keys: &mut BTreeSet<String>) {
        if let Some((before, after)) = change.of::<ContainerInstanceRecord>() {
            let standing = |node: &ContainerInstanceRecord| {
                (
                    node.status,
                    node.connection.connected,
                    node.cpu_units,
                    node.memory_mib,
                    node.awaited_daemons.is_empty(),
                )
            };
            if before.map(standing) != after.map(standing) {
                keys.append(&mut self.waiting());
            }
        } else if let Some((before, after)) = change.of::<TaskRecord>() {
            let lives = |task: &TaskRecord| task.last_status != TaskStatus::Stopped;
            if before.is_some_and(lives) && !after.is_some_and(lives) {
                keys.extend(self.waiting().pop_first());
            }
        }
    }

    /// A node that is new, back, gone or looks otherwise; and one that drains and has a task less.
    fn wake_daemons(&self, change: &Change, keys: &mut BTreeSet<String>) {
        if let Some((before, Some(after))) = change.of::<ContainerInstanceRecord>() {
            if daemon::concerns(before, after) {
                let found = self.ecs.store.read(|head| daemon::services_of(head, after));
                keys.append(&mut found.head());
            }
        } else if let Some((before, after)) = change.of::<TaskRecord>() {
            let lives = |task: &&TaskRecord| task.last_status != TaskStatus::Stopped;
            let ended = before
                .filter(lives)
                .filter(|_| !after.is_some_and(|task| lives(&task)));
            if let Some(task) = ended {
                let found = self.ecs.store.read(|head| {
                    let node = daemon::draining_node(head, task);
                    node.map(|node| daemon::services_of(head, &node))
                });
                keys.append(&mut found.head().unwrap_or_default());
            }
        }
    }

    /// Services with tasks on a node that begins or ends to drain.
    fn services_on(&self, container_instance_key: &str) -> BTreeSet<String> {
        let found = self.ecs.store.read(|head| {
            let tasks = head.index::<TaskRecord>("by_container_instance", container_instance_key);
            let service = |task: &TaskRecord| {
                let name = task.service.as_ref()?;
                Some(ServiceRecord::key_of(
                    &task.account,
                    &task.region,
                    &task.cluster,
                    name,
                ))
            };
            tasks.iter().filter_map(|task| service(task)).collect()
        });
        found.head()
    }

    /// Services with a deployment under way that watches this alarm.
    fn watching(&self, alarm_key: &str) -> BTreeSet<String> {
        let found = self.ecs.store.read(|head| {
            let watching = head.index::<ServiceDeploymentRecord>("by_alarm", alarm_key);
            watching.iter().map(|record| record.service_key()).collect()
        });
        found.head()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, key: &str, service: &ServiceRecord, look: &look::Look) -> Next {
        let of_sets = service.task_sets.iter().map(|set| &set.deployment);
        let is_without_room = service
            .primary()
            .into_iter()
            .chain(of_sets)
            .any(|deployment| deployment.without_room);
        let mut times = look.times.clone();
        if is_without_room {
            self.waiting().insert(key.to_owned());
            times.push(self.ecs.clock.now() + RETRY_WITHOUT_ROOM);
        }
        times.into_iter().min().map_or(Next::OnChange, Next::At)
    }
}

impl Loop for ServiceScheduler {
    const NAME: &'static str = "service-scheduler";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        if let Some((_, after)) = change.of::<ServiceRecord>() {
            keys.extend(after.map(Record::key));
            return;
        }
        if let Some((_, after)) = change.of::<ServiceDeploymentRecord>() {
            keys.extend(after.map(ServiceDeploymentRecord::service_key));
            return;
        }
        if let Some((_, after)) = change.of::<AlarmStateRecord>() {
            keys.extend(after.iter().flat_map(|alarm| self.watching(&alarm.key())));
            return;
        }
        if let Some((_, after)) = change.of::<HookAnswer>() {
            keys.extend(after.and_then(hook_calls::service_key).map(str::to_owned));
            return;
        }
        if let Some((before, after)) = change.of::<TaskRecord>()
            && let Some(task) = after.or(before)
            && let Some(service) = &task.service
        {
            let seen = |task: &TaskRecord| {
                (
                    task.last_status,
                    task.desired_status,
                    task.health,
                    task.protection_ends_at,
                )
            };
            if before.map(seen) != after.map(seen) {
                let key =
                    ServiceRecord::key_of(&task.account, &task.region, &task.cluster, service);
                keys.insert(key);
            }
        }
        if let Some((Some(before), Some(after))) = change.of::<ContainerInstanceRecord>()
            && (before.status != after.status || before.is_being_left() != after.is_being_left())
        {
            keys.append(&mut self.services_on(&after.key()));
        }
        self.wake_daemons(change, keys);
        self.wake_waiting(change, keys);
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        head.scan::<ServiceRecord>("")
            .map(|service| service.key())
            .collect()
    }

    async fn reconcile(&self, key: &str) -> Result<Next, LoopError> {
        let now = self.ecs.clock.now();
        // Most looks find nothing to do; they must not stop the writers.
        let idle = self.ecs.store.read(|head| {
            let Some(service) = head.get::<ServiceRecord>(key) else {
                return Some(Next::OnChange);
            };
            if service.status == ServiceStatus::Inactive {
                let end = service.updated_at + INACTIVE_KEPT;
                return (now < end).then_some(Next::At(end));
            }
            let look = look::look(head, &service, now);
            (!look.asks_for_work(&service, now)).then(|| self.next(key, &service, &look))
        });
        if let Some(next) = idle.head() {
            return Ok(next);
        }
        let done = self.ecs.store.transact(|tx| {
            let Some(known) = tx.get::<ServiceRecord>(key) else {
                return Ok(Next::OnChange);
            };
            if known.status == ServiceStatus::Inactive {
                forget(tx, &known);
                return Ok(Next::OnChange);
            }
            let look = look::look(tx, &known, now);
            let mut service = ServiceRecord::clone(&known);
            act::act(&self.ecs, tx, &mut service, &look, now)?;
            let next = self.next(key, &service, &look);
            tx.put(service);
            Ok::<_, LoopError>(next)
        })?;
        Ok(done.head())
    }
}

/// Removes an INACTIVE service for good, and its events, unless it was made again.
fn forget(tx: &mut Tx<'_>, service: &ServiceRecord) {
    let key = service.key();
    let prefix = format!("{key}/");
    let events: Vec<String> = tx
        .scan::<ServiceEventRecord>(&prefix)
        .map(|event| event.key())
        .take(limits::TRANSACTION_ROWS - 1)
        .collect();
    let rows = limits::TRANSACTION_ROWS - 1 - events.len();
    if rows > 0 && deployments::forget(tx, &key, rows) {
        tx.delete::<ServiceRecord>(&key);
    }
    for event in events {
        tx.delete::<ServiceEventRecord>(&event);
    }
}
