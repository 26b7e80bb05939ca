//! Group commit: one task takes what has gathered and makes it durable with one commit of the engine.
//!
//! There is no timer: a lone transaction is committed at once, and while its fsync runs the next group gathers.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use crate::engine::{Batch, Engine, Fence, Revision, Write};
use crate::error::StateError;
use crate::record::ChangeSet;

/// What transactions and the committer share.
pub(crate) struct Commits {
    queue: Mutex<Queue>,
    gathered: Notify,
    /// A copy of `status.durable` for readers that need not wait.
    durable: AtomicU64,
    status: watch::Sender<Status>,
}

/// Commits until the store is closed and the queue empty, or until a commit fails.
pub(crate) async fn run(engine: Arc<dyn Engine>, fence: Fence, commits: Arc<Commits>) {
    let guard = StopGuard(commits.clone());
    while let Some(group) = commits.take_group().await {
        let durable = match encode_group(&group) {
            Ok(batches) => engine
                .commit(fence, batches)
                .await
                .map_err(StateError::from),
            Err(error) => Err(error),
        };
        match durable {
            Ok(revision) => commits.advance(revision),
            Err(error) => {
                tracing::error!(%error, "the store has failed: nothing after the last durable revision was answered");
                commits.fail(error.to_string());
                break;
            }
        }
    }
    // Whoever waits for the stop may open the engine's file again.
    drop(engine);
    drop(guard);
}

impl Commits {
    pub(crate) fn new(durable: Revision) -> Self {
        Self {
            queue: Mutex::default(),
            gathered: Notify::new(),
            durable: AtomicU64::new(durable),
            status: watch::Sender::new(Status {
                durable,
                phase: Phase::Running,
            }),
        }
    }

    /// May a transaction begin? Called under the head's lock.
    pub(crate) fn admit(&self) -> Result<(), StateError> {
        let queue = self.queue();
        match &queue.closed {
            Some(error) => Err(error.clone()),
            None if queue.sets.len() >= limits::STORE_WAITING_TRANSACTIONS => {
                Err(StateError::Overloaded {
                    waiting: queue.sets.len(),
                })
            }
            None => Ok(()),
        }
    }

    /// Called under the head's lock, so the queue is in the order of revisions.
    pub(crate) fn push(&self, changes: Arc<ChangeSet>) {
        self.queue().sets.push_back(changes);
        self.gathered.notify_one();
    }

    pub(crate) fn durable(&self) -> Revision {
        self.durable.load(Ordering::Acquire)
    }

    pub(crate) async fn wait(&self, revision: Revision) -> Result<(), StateError> {
        if self.durable() >= revision {
            return Ok(());
        }
        let mut status = self.status.subscribe();
        let status = status
            .wait_for(|status| status.durable >= revision || status.phase != Phase::Running)
            .await;
        let status = status.map_err(|_| StateError::Closed)?;
        match &status.phase {
            _ if status.durable >= revision => Ok(()),
            Phase::Failed(reason) => Err(StateError::Failed {
                reason: reason.clone(),
            }),
            Phase::Running | Phase::Stopped => Err(StateError::Closed),
        }
    }

    pub(crate) async fn failed(&self) -> StateError {
        let mut status = self.status.subscribe();
        if let Ok(status) = status
            .wait_for(|status| matches!(status.phase, Phase::Failed(_)))
            .await
            && let Phase::Failed(reason) = &status.phase
        {
            return StateError::Failed {
                reason: reason.clone(),
            };
        }
        std::future::pending().await
    }

    pub(crate) async fn stopped(&self) -> Result<(), StateError> {
        let mut status = self.status.subscribe();
        let status = status
            .wait_for(|status| status.phase != Phase::Running)
            .await;
        match status.map_err(|_| StateError::Closed)?.phase.clone() {
            Phase::Failed(reason) => Err(StateError::Failed { reason }),
            Phase::Running | Phase::Stopped => Ok(()),
        }
    }

    /// No transaction is admitted any more; what waits is still committed.
    pub(crate) fn close(&self) {
        self.queue().closed.get_or_insert(StateError::Closed);
        self.gathered.notify_one();
    }

    /// The next group, as soon as there is anything; none once closed and empty.
    async fn take_group(&self) -> Option<Vec<Arc<ChangeSet>>> {
        loop {
            {
                let mut queue = self.queue();
                if !queue.sets.is_empty() {
                    let count = queue.sets.len().min(limits::COMMIT_GROUP_TRANSACTIONS);
                    return Some(queue.sets.drain(..count).collect());
                }
                if queue.closed.is_some() {
                    return None;
                }
            }
            self.gathered.notified().await;
        }
    }

    fn advance(&self, revision: Revision) {
        self.durable.store(revision, Ordering::Release);
        self.status.send_modify(|status| status.durable = revision);
    }

    fn fail(&self, reason: String) {
        {
            let mut queue = self.queue();
            queue.sets.clear();
            queue.closed = Some(StateError::Failed {
                reason: reason.clone(),
            });
        }
        self.status
            .send_modify(|status| status.phase = Phase::Failed(reason));
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Queue {
    sets: VecDeque<Arc<ChangeSet>>,
    /// Why no transaction is admitted any more.
    closed: Option<StateError>,
}

struct Status {
    durable: Revision,
    phase: Phase,
}

#[derive(Clone, PartialEq, Eq)]
enum Phase {
    Running,
    Failed(String),
    Stopped,
}

/// Tells the waiters however the committer ends, be it a panic of the engine.
struct StopGuard(Arc<Commits>);

impl Drop for StopGuard {
    fn drop(&mut self) {
        let is_clean = {
            let queue = self.0.queue();
            queue.sets.is_empty() && queue.closed.is_some()
        };
        if !is_clean {
            self.0.fail("the committer stopped".to_owned());
        }
        self.0.status.send_if_modified(|status| {
            let was_running = status.phase == Phase::Running;
            if was_running {
                status.phase = Phase::Stopped;
            }
            was_running
        });
    }
}

fn encode_group(group: &[Arc<ChangeSet>]) -> Result<Vec<Batch>, StateError> {
    group.iter().map(|changes| encode(changes)).collect()
}

fn encode(changes: &ChangeSet) -> Result<Batch, StateError> {
    let mut writes = Vec::with_capacity(changes.changes.len());
    for change in &changes.changes {
        let value = change
            .after
            .as_ref()
            .map(|record| record.encode())
            .transpose()?;
        writes.push(Write {
            table: Cow::Borrowed(change.table),
            key: change.key.clone(),
            value,
        });
    }
    Ok(Batch {
        revision: changes.revision,
        writes,
    })
}
