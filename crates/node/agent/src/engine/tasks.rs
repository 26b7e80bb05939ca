//! The tasks of this node: taken from payloads, taken over after a restart, told to stop.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::iter::once;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api_ecs::types::SubmitTaskStateChangeRequest;
use link::acs;
use state::{Committed, StateError, Tx};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::clean_up::{remove_directory, remove_task};
use super::driver::Driver;
use super::plan::{PlanError, TaskPlan};
use super::rules::TaskStatus;
use crate::error::AgentError;
use crate::node::Node;
use crate::records::{NodeRecord, TaskRecord};
use crate::task_credentials::TaskCredentials;

/// Tasks that ended lately and are not begun again, should an old payload arrive.
const ENDED_REMEMBERED: usize = 4096;
/// Rows of one transaction are bounded; a payload of more tasks is several.
const TASKS_PER_TRANSACTION: usize = limits::TRANSACTION_ROWS / 2;

pub struct Tasks {
    node: Arc<Node>,
    held: Mutex<Held>,
    credentials: TaskCredentials,
}

#[derive(Default)]
struct Held {
    drivers: BTreeMap<String, Handle>,
    ended: VecDeque<String>,
}

struct Handle {
    arn: String,
    cluster_arn: String,
    stop: watch::Sender<bool>,
    driver: JoinHandle<()>,
}

/// A task as the manifest sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTask {
    pub id: String,
    pub arn: String,
    pub cluster_arn: String,
    pub stop_wanted: bool,
}

impl Tasks {
    pub fn new(node: Arc<Node>) -> Arc<Self> {
        Arc::new(Self {
            node,
            held: Mutex::default(),
            credentials: TaskCredentials::default(),
        })
    }

    /// Of the roles of tasks.
    pub fn credentials(&self) -> &TaskCredentials {
        &self.credentials
    }

    /// Takes over what an earlier agent left, and removes what belongs to no task.
    pub async fn adopt(self: &Arc<Self>) -> Result<(), AgentError> {
        let node = &self.node;
        let records: Vec<TaskRecord> = node
            .store
            .read(|head| {
                head.scan::<TaskRecord>("")
                    .map(|task| TaskRecord::clone(task))
                    .collect()
            })
            .head();
        let mut found: BTreeMap<_, _> = node
            .runtime
            .list()
            .await?
            .into_iter()
            .map(|status| (status.id.clone(), status))
            .collect();
        let networks: BTreeMap<_, _> = node.network.list().await?.into_iter().collect();
        let known: BTreeSet<String> = records.iter().map(|record| record.id.clone()).collect();
        for record in records {
            let network_namespace = networks.get(&record.id).cloned();
            let Ok(plan) = TaskPlan::of(&record.payload) else {
                continue;
            };
            let (stop, driver) = self.driver_of(record, plan, watch::channel(true).1);
            let mut driver = driver;
            driver.adopt(&mut found, network_namespace).await;
            self.run(driver, stop);
        }
        let mut strangers: BTreeMap<String, Vec<String>> = networks
            .into_keys()
            .filter(|id| !known.contains(id))
            .map(|id| (id, Vec::new()))
            .collect();
        for id in node.runtime.list_task_groups().await? {
            if !known.contains(&id) {
                strangers.entry(id).or_default();
            }
        }
        for (id, status) in found {
            // What is left of a task that is known is an earlier start of one of its containers.
            if !known.contains(&status.spec.task_id) {
                strangers.entry(status.spec.task_id).or_default().push(id);
            }
        }
        for (task_id, ids) in &strangers {
            tracing::info!(
                task_id,
                containers = ids.len(),
                "removing what no task of this node needs"
            );
            remove_task(node, task_id, ids).await;
        }
        for entry in std::fs::read_dir(node.tasks_directory())
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry
                .file_name()
                .to_str()
                .is_some_and(|id| !known.contains(id))
            {
                remove_directory(&entry.path());
            }
        }
        Ok(())
    }

    /// Takes a payload in, stops first. When the answer is durable the payload may be acknowledged; `None`: it holds a
    /// task that makes no sense, and must not be.
    pub fn accept(
        self: &Arc<Self>,
        payload: acs::PayloadMessage,
    ) -> Result<Option<Vec<Committed<()>>>, StateError> {
        let timeline = i64::from(payload.seq_num.unwrap_or_default())
            .max(payload.timeline.unwrap_or_default());
        let (stops, starts): (Vec<_>, Vec<_>) = payload
            .tasks
            .into_iter()
            .partition(|task| task.desired_status.as_deref() == Some(acs::DESIRED_STOPPED));
        let mut acceptable = true;
        let mut new: Vec<(TaskRecord, TaskPlan)> = Vec::new();
        for task in stops.into_iter().chain(starts) {
            match self.sort_in(task) {
                Ok(Some(task)) if new.iter().all(|(record, _)| record.id != task.0.id) => {
                    new.push(task)
                }
                Ok(_) => {}
                Err(()) => acceptable = false,
            }
        }
        let (began, on_disk) = watch::channel(false);
        // The number goes with the first tasks: with a transaction of its own it would cost a start one more sync.
        let (first, rest) = new.split_at(new.len().min(TASKS_PER_TRANSACTION));
        let mut commits = Vec::new();
        for (number, chunk) in once(first)
            .chain(rest.chunks(TASKS_PER_TRANSACTION))
            .enumerate()
        {
            commits.push(self.node.store.transact(|tx| {
                if number == 0 {
                    note_timeline(tx, timeline);
                }
                for (record, _) in chunk {
                    tx.put(record.clone());
                }
                Ok::<_, StateError>(())
            })?);
        }
        for (record, plan) in new {
            let (stop, mut driver) = self.driver_of(record, plan, on_disk.clone());
            driver.begin();
            self.run(driver, stop);
        }
        self.tell_when_durable(began);
        Ok(acceptable.then_some(commits))
    }

    pub fn stop(&self, task_id: &str) {
        if let Some(handle) = self.held().drivers.get(task_id) {
            handle.stop.send_replace(true);
        }
    }

    /// All tasks that are not yet gone.
    pub fn known(&self) -> Vec<KnownTask> {
        let held = self.held();
        let known = |(id, handle): (&String, &Handle)| KnownTask {
            id: id.clone(),
            arn: handle.arn.clone(),
            cluster_arn: handle.cluster_arn.clone(),
            stop_wanted: *handle.stop.borrow(),
        };
        held.drivers.iter().map(known).collect()
    }

    /// Lets go of all tasks; their containers go on.
    pub async fn shut_down(&self) {
        for driver in self.abort() {
            let _ = driver.await;
        }
    }

    /// As [`Tasks::shut_down`], without waiting for the drivers to end.
    pub fn abort(&self) -> Vec<JoinHandle<()>> {
        let drivers = std::mem::take(&mut self.held().drivers);
        let drivers: Vec<_> = drivers.into_values().map(|handle| handle.driver).collect();
        drivers.iter().for_each(JoinHandle::abort);
        drivers
    }

    /// A task that is new to this node, or nothing when it is known; `Err` when it cannot be understood.
    fn sort_in(self: &Arc<Self>, task: acs::Task) -> Result<Option<(TaskRecord, TaskPlan)>, ()> {
        let arn = task.arn.clone().unwrap_or_default();
        let id = arn.rsplit('/').next().unwrap_or_default().to_owned();
        let stop_wanted = task.desired_status.as_deref() == Some(acs::DESIRED_STOPPED);
        {
            let held = self.held();
            if let Some(handle) = held.drivers.get(&id) {
                if stop_wanted {
                    handle.stop.send_replace(true);
                }
                return Ok(None);
            }
            if held.ended.contains(&id) && !stop_wanted {
                tracing::warn!(
                    arn,
                    "a payload brought a task that ended here before; it is not run again"
                );
                return Ok(None);
            }
        }
        let problem = match (names::is_task_id(&id), TaskPlan::of(&task)) {
            (true, Ok(plan)) => {
                let mut record = TaskRecord::new(id, task, self.node.clock.now());
                record.boot_id.clone_from(&self.node.boot_id);
                if stop_wanted && record.containers.is_empty() {
                    record.status = TaskStatus::Stopped;
                    record.reason = Some(
                        "TaskStateError: Agent could not progress task's state to stopped"
                            .to_owned(),
                    );
                }
                return Ok(Some((record, plan)));
            }
            (true, Err(error)) => error,
            (false, _) => PlanError::Missing("ARN with a task id"),
        };
        self.report_unrecognised(arn, problem.to_string());
        Err(())
    }

    fn report_unrecognised(&self, arn: String, reason: String) {
        tracing::warn!(arn, reason, "a payload brought a task that makes no sense");
        let node = Arc::clone(&self.node);
        let request = SubmitTaskStateChangeRequest {
            cluster: Some(node.api.cluster.clone()),
            task: Some(arn),
            status: Some(TaskStatus::Stopped.as_str().to_owned()),
            reason: Some(reason),
            ..Default::default()
        };
        // Ends with its answer; nothing waits for it.
        drop(node.clock.clone().spawn("report-unrecognised", async move {
            node.api.submit_until_answered(request).await
        }));
    }

    fn driver_of(
        &self,
        record: TaskRecord,
        plan: TaskPlan,
        durable: watch::Receiver<bool>,
    ) -> (watch::Sender<bool>, Driver) {
        let (stop, stop_wanted) = watch::channel(record.stop_wanted);
        (
            stop,
            Driver::new(Arc::clone(&self.node), record, plan, durable, stop_wanted),
        )
    }

    fn run(self: &Arc<Self>, driver: Driver, stop: watch::Sender<bool>) {
        let (id, arn) = (driver.record.id.clone(), driver.record.arn().to_owned());
        let cluster_arn = driver.record.cluster_arn().to_owned();
        let tasks = Arc::clone(self);
        // The lock is held until the handle is in, so that a driver that ends at once finds itself.
        let mut held = self.held();
        let task_id = id.clone();
        let driver = self.node.clock.spawn("task", async move {
            if let Err(error) = driver.run().await {
                tracing::error!(%error, task_id, "the task's driver ended early");
            }
            let mut held = tasks.held();
            held.drivers.remove(&task_id);
            held.ended.push_back(task_id);
            if held.ended.len() > ENDED_REMEMBERED {
                held.ended.pop_front();
            }
        });
        held.drivers.insert(
            id,
            Handle {
                arn,
                cluster_arn,
                stop,
                driver,
            },
        );
    }

    /// Opens the gate of the payload's tasks when all of them are on disk.
    fn tell_when_durable(&self, gate: watch::Sender<bool>) {
        let node = Arc::clone(&self.node);
        drop(self.node.clock.spawn("tasks-durable", async move {
            if node.store.barrier().await.is_ok() {
                gate.send_replace(true);
            }
        }));
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Remembers the highest number of manifests and payloads.
pub fn raise_timeline(node: &Node, timeline: i64) -> Result<Committed<()>, StateError> {
    node.store.transact(|tx| {
        note_timeline(tx, timeline);
        Ok(())
    })
}

fn note_timeline(tx: &mut Tx<'_>, timeline: i64) {
    let mut record = tx
        .get::<NodeRecord>(NodeRecord::KEY)
        .map(|record| NodeRecord::clone(&record))
        .unwrap_or_default();
    record.timeline = record.timeline.max(timeline);
    tx.put(record);
}
