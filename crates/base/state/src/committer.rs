//! Group commit: one task takes what has gathered and makes it durable with one commit of the engine.
//!
//! A full disk is no failure: what was not committed is taken back, and until there is room nothing is admitted.
//!
//! There is no timer: a lone transaction is committed at once, and while its fsync runs the next group gathers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use clock::Clock;
use tokio::sync::Notify;

use crate::engine::{Batch, Engine, EngineError, Fence, Revision};
use crate::error::StateError;
use crate::record::ChangeSet;

/// How often a full disk is asked whether it has room.
const ROOM_CHECK: Duration = Duration::from_millis(500);

/// The time from one full disk to the next; set, when it ends, to the last durable revision. Revisions after that are
/// taken back and given out again.
pub(crate) type Epoch = Arc<OnceLock<Revision>>;

/// Takes back all that is in the head and not durable, given what was taken out of the queue for the commit.
pub(crate) type TakeBack = Box<dyn Fn(&[Arc<ChangeSet>], String) + Send + Sync>;

/// A transaction that is in the head and not durable yet.
pub(crate) struct Waiting {
    /// What undoes it, should the disk be full.
    pub changes: Arc<ChangeSet>,
    pub batch: Batch,
}

/// What transactions and the committer share.
pub(crate) struct Commits {
    queue: Mutex<Queue>,
    gathered: Notify,
    /// A copy of `status.durable` for readers that need not wait.
    durable: AtomicU64,
    /// Commits of the engine so far.
    count: AtomicU64,
    status: Mutex<Status>,
    /// Wakes whoever waits for the status, in the order in which they came: simulations must be repeatable, and the
    /// order in which `tokio::sync::watch` wakes is drawn by lot.
    status_changed: Notify,
}

/// Commits until the store is closed and the queue empty, or until a commit fails.
pub(crate) async fn run(
    engine: Arc<dyn Engine>,
    fence: Fence,
    commits: Arc<Commits>,
    clock: Clock,
    take_back: TakeBack,
) {
    let guard = StopGuard(commits.clone());
    while let Some(group) = commits.take_group().await {
        let (changes, batches): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|waiting| (waiting.changes, waiting.batch))
            .unzip();
        match engine.commit(fence, batches).await {
            Ok(revision) => commits.advance(revision),
            Err(error @ EngineError::Full { .. }) => {
                tracing::error!(%error, "the state cannot be changed until there is room; what was acknowledged is kept");
                take_back(&changes, error.to_string());
                drop(changes);
                if let Err(error) = wait_for_room(&*engine, fence, &commits, &clock).await {
                    commits.fail(error.to_string());
                    break;
                }
            }
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

/// Until a commit would succeed again, or the store is closed.
async fn wait_for_room(
    engine: &dyn Engine,
    fence: Fence,
    commits: &Commits,
    clock: &Clock,
) -> Result<(), EngineError> {
    loop {
        tokio::select! {
            biased;
            () = clock.sleep(ROOM_CHECK) => {}
            () = commits.gathered.notified() => {}
        }
        if matches!(commits.queue().closed, Some(StateError::Closed)) {
            return Ok(());
        }
        match engine.commit(fence, vec![]).await {
            Ok(_) => {
                tracing::info!("there is room again: the state can be changed");
                commits.queue().full = None;
                return Ok(());
            }
            Err(EngineError::Full { .. }) => {}
            Err(error) => {
                tracing::error!(%error, "the store has failed");
                return Err(error);
            }
        }
    }
}

impl Commits {
    pub(crate) fn new(durable: Revision) -> Self {
        Self {
            queue: Mutex::default(),
            gathered: Notify::new(),
            durable: AtomicU64::new(durable),
            count: AtomicU64::new(0),
            status: Mutex::new(Status {
                durable,
                phase: Phase::Running,
            }),
            status_changed: Notify::new(),
        }
    }

    /// May a transaction begin? Called under the head's lock.
    pub(crate) fn admit(&self) -> Result<(), StateError> {
        let queue = self.queue();
        match &queue.closed {
            Some(error) => Err(error.clone()),
            None if queue.full.is_some() => Err(StateError::Full {
                reason: queue.full.clone().unwrap_or_default(),
            }),
            None if queue.sets.len() >= limits::STORE_WAITING_TRANSACTIONS => {
                Err(StateError::Overloaded {
                    waiting: queue.sets.len(),
                })
            }
            None => Ok(()),
        }
    }

    /// Called under the head's lock, so the queue is in the order of revisions.
    pub(crate) fn push(&self, waiting: Waiting) {
        self.queue().sets.push_back(waiting);
        self.gathered.notify_one();
    }

    pub(crate) fn durable(&self) -> Revision {
        self.durable.load(Ordering::Acquire)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) async fn wait(&self, revision: Revision, epoch: &Epoch) -> Result<(), StateError> {
        // Looked at before the epoch: once that is over, the watermark may count other transactions.
        let is_durable = |durable: Revision| match epoch.get() {
            Some(last) => *last >= revision,
            None => durable >= revision,
        };
        if is_durable(self.durable()) {
            return Ok(());
        }
        self.status_is(|status| match &status.phase {
            _ if is_durable(status.durable) => Some(Ok(())),
            _ if epoch.get().is_some() => Some(Err(StateError::Full {
                reason: "the disk had no room for it".to_owned(),
            })),
            Phase::Failed(reason) => Some(Err(StateError::Failed {
                reason: reason.clone(),
            })),
            Phase::Stopped => Some(Err(StateError::Closed)),
            Phase::Running => None,
        })
        .await
    }

    pub(crate) async fn failed(&self) -> StateError {
        self.status_is(|status| match &status.phase {
            Phase::Failed(reason) => Some(StateError::Failed {
                reason: reason.clone(),
            }),
            Phase::Running | Phase::Stopped => None,
        })
        .await
    }

    pub(crate) async fn stopped(&self) -> Result<(), StateError> {
        self.status_is(|status| match &status.phase {
            Phase::Failed(reason) => Some(Err(StateError::Failed {
                reason: reason.clone(),
            })),
            Phase::Stopped => Some(Ok(())),
            Phase::Running => None,
        })
        .await
    }

    /// No transaction is admitted any more; what waits is still committed.
    pub(crate) fn close(&self) {
        self.queue().closed.get_or_insert(StateError::Closed);
        self.gathered.notify_one();
    }

    /// Everything that waits, which will not be committed; nothing is admitted from now on. Called under the head's
    /// lock, which ends the epoch.
    pub(crate) fn take_back(&self, reason: String, epoch: &Epoch) -> VecDeque<Waiting> {
        let sets = {
            let mut queue = self.queue();
            queue.full = Some(reason);
            std::mem::take(&mut queue.sets)
        };
        let ended = epoch.set(self.durable());
        debug_assert!(ended.is_ok(), "an epoch ends once");
        // Wakes the waiters, who look at their epoch.
        self.status_changed.notify_waiters();
        sets
    }

    /// The next group, as soon as there is anything; none once closed and empty.
    async fn take_group(&self) -> Option<Vec<Waiting>> {
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
        self.count.fetch_add(1, Ordering::Relaxed);
        self.durable.store(revision, Ordering::Release);
        self.set_status(|status| status.durable = revision);
    }

    fn fail(&self, reason: String) {
        {
            let mut queue = self.queue();
            queue.sets.clear();
            queue.closed = Some(StateError::Failed {
                reason: reason.clone(),
            });
        }
        self.set_status(|status| status.phase = Phase::Failed(reason));
    }

    /// Waits until `look` finds what it wants.
    async fn status_is<T>(&self, look: impl Fn(&Status) -> Option<T>) -> T {
        loop {
            // Made before the look, so that no change is missed.
            let changed = self.status_changed.notified();
            if let Some(found) = look(&self.status()) {
                return found;
            }
            changed.await;
        }
    }

    fn set_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status());
        self.status_changed.notify_waiters();
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Queue {
    sets: VecDeque<Waiting>,
    /// Why no transaction is admitted any more.
    closed: Option<StateError>,
    /// The same, for as long as the disk is full.
    full: Option<String>,
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
        self.0.set_status(|status| {
            if status.phase == Phase::Running {
                status.phase = Phase::Stopped;
            }
        });
    }
}
