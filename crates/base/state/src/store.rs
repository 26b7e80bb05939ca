//! The store: the head, its lock, and the way to the engine.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use clock::Clock;
use futures_util::TryStreamExt;
use tokio::sync::broadcast;

use crate::committer::{self, Commits, Epoch, TakeBack, Waiting};
use crate::engine::{Batch, Engine, Loaded, Revision};
use crate::error::StateError;
use crate::feed::Feed;
use crate::head::{Head, Schema};
use crate::record::ChangeSet;
use crate::transaction::Tx;

/// All state of the process; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// A value together with the revision it has seen. It may leave the process only through [`Committed::durable`].
#[must_use = "nothing may leave the process before `durable`"]
pub struct Committed<T> {
    value: T,
    revision: Revision,
    epoch: Epoch,
    commits: Arc<Commits>,
}

impl Store {
    /// Takes leadership of the engine, loads every row and starts the committer.
    pub async fn open(
        engine: Arc<dyn Engine>,
        schema: Schema,
        clock: Clock,
    ) -> Result<Self, StateError> {
        let fence = engine.lead("gantry").await?;
        let mut head = Head::new(schema);
        let mut loaded = engine.load().await?;
        let (mut known_rows, mut unknown_rows) = (0_usize, 0_usize);
        while let Some(rows) = loaded.rows.try_next().await? {
            for row in &rows {
                let count = if head.load(row)? {
                    &mut known_rows
                } else {
                    &mut unknown_rows
                };
                *count += 1;
            }
        }
        head.set_revision(loaded.revision);
        if unknown_rows > 0 {
            tracing::warn!(
                unknown_rows,
                "rows of tables that this binary does not know are left alone"
            );
        }
        tracing::debug!(revision = loaded.revision, known_rows, "state loaded");
        let commits = Arc::new(Commits::new(loaded.revision));
        let (feed, _) = broadcast::channel(limits::FEED_CHANGE_SETS);
        let inner = Arc::new(Inner {
            head: RwLock::new(Newest {
                head,
                epoch: Epoch::default(),
            }),
            commits: commits.clone(),
            feed,
            engine: Arc::downgrade(&engine),
        });
        // Weak, so that a store that nobody has any more closes itself.
        let weak = Arc::downgrade(&inner);
        let take_back: TakeBack = Box::new(move |group, reason| {
            if let Some(inner) = weak.upgrade() {
                inner.take_back(group, reason);
            }
        });
        let committing = committer::run(engine, fence, commits, clock.clone(), take_back);
        clock.spawn("state-committer", committing);
        Ok(Self { inner })
    }

    /// Runs `body` on the head, alone. On an error (or a panic) all its changes are undone.
    pub fn transact<T, E: From<StateError>>(
        &self,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<Committed<T>, E> {
        let mut newest = self.inner.write();
        let Newest { head, epoch } = &mut *newest;
        self.inner.commits.admit()?;
        let mut tx = Tx::new(head);
        let value = body(&mut tx)?;
        let (changes, writes) = tx.finish()?;
        if !changes.is_empty() {
            let revision = head.revision() + 1;
            head.set_revision(revision);
            let changes = Arc::new(ChangeSet { revision, changes });
            self.inner.commits.push(Waiting {
                changes: changes.clone(),
                batch: Batch { revision, writes },
            });
            // Without a reader there is nobody to tell.
            let _ = self.inner.feed.send(Some(changes));
        }
        Ok(self.committed(value, head.revision(), epoch))
    }

    /// Looks at the head. Keep it short: writers wait.
    pub fn read<T>(&self, body: impl FnOnce(&Head) -> T) -> Committed<T> {
        let newest = self.inner.read();
        let value = body(&newest.head);
        self.committed(value, newest.head.revision(), &newest.epoch)
    }

    /// Changes from now on.
    pub fn feed(&self) -> Feed {
        Feed::new(self.inner.feed.subscribe())
    }

    /// What `body` sees, and every change after exactly that.
    pub fn read_and_feed<T>(&self, body: impl FnOnce(&Head) -> T) -> (Committed<T>, Feed) {
        let newest = self.inner.read();
        let feed = self.feed();
        let value = body(&newest.head);
        let committed = self.committed(value, newest.head.revision(), &newest.epoch);
        (committed, feed)
    }

    /// Waits until everything that the head has now is durable: before an error that it caused leaves the process.
    pub async fn barrier(&self) -> Result<(), StateError> {
        self.read(|_| ()).durable().await
    }

    /// Everything up to here is durable.
    pub fn durable_revision(&self) -> Revision {
        self.inner.commits.durable()
    }

    /// How often the engine was asked to make something durable, and did: fsyncs, on a disk.
    pub fn commit_count(&self) -> u64 {
        self.inner.commits.count()
    }

    /// Waits until the store fails, and tells why. Then the process must load again; nothing heals in place.
    pub async fn failed(&self) -> StateError {
        self.inner.commits.failed().await
    }

    /// Every row at one revision, of unknown tables too, with everything that the head has now: a backup's content.
    pub async fn dump(&self) -> Result<Loaded, StateError> {
        self.barrier().await?;
        let engine = self.inner.engine.upgrade().ok_or(StateError::Closed)?;
        Ok(engine.load().await?)
    }

    /// Refuses further transactions, commits what waits and lets go of the engine.
    pub async fn close(&self) -> Result<(), StateError> {
        {
            let _no_writer = self.inner.write();
            self.inner.commits.close();
        }
        self.inner.commits.stopped().await
    }

    fn committed<T>(&self, value: T, revision: Revision, epoch: &Epoch) -> Committed<T> {
        Committed {
            value,
            revision,
            epoch: epoch.clone(),
            commits: self.inner.commits.clone(),
        }
    }
}

impl<T> Committed<T> {
    /// The value, once the log is durable up to what it has seen.
    pub async fn durable(self) -> Result<T, StateError> {
        self.commits.wait(self.revision, &self.epoch).await?;
        Ok(self.value)
    }

    /// The value at once. For loops only: nothing of it may leave the process.
    pub fn head(self) -> T {
        self.value
    }

    /// The revision that the value has seen.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Committed<U> {
        Committed {
            value: change(self.value),
            revision: self.revision,
            epoch: self.epoch,
            commits: self.commits,
        }
    }
}

struct Inner {
    head: RwLock<Newest>,
    commits: Arc<Commits>,
    /// None: change sets were taken back.
    feed: broadcast::Sender<Option<Arc<ChangeSet>>>,
    /// The committer holds it, and lets go when the store is closed.
    engine: Weak<dyn Engine>,
}

struct Newest {
    head: Head,
    epoch: Epoch,
}

impl Inner {
    /// The head becomes what is durable.
    fn take_back(&self, group: &[Arc<ChangeSet>], reason: String) {
        let mut newest = self.write();
        let waiting = self.commits.take_back(reason, &newest.epoch);
        let waiting = waiting.iter().rev().map(|waiting| &waiting.changes);
        let sets = waiting.chain(group.iter().rev());
        for change in sets.flat_map(|set| set.changes.iter().rev()) {
            newest.head.apply(&change.inverse());
        }
        newest.head.set_revision(self.commits.durable());
        newest.epoch = Epoch::default();
        let _ = self.feed.send(None);
    }

    // A panic under the lock leaves no half-made change behind (`Tx` undoes it), so a poisoned lock is as good as new.
    fn read(&self) -> RwLockReadGuard<'_, Newest> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Newest> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.commits.close();
    }
}
