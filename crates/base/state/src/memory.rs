//! The engine that forgets with the process: tests, and `--ephemeral` use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Clock;
use futures_util::{FutureExt, StreamExt, future, stream};

use crate::engine::{
    Batch, BoxFuture, BoxStream, Engine, EngineError, Fence, FollowError, Loaded, Revision, Row,
    next_revision,
};
use crate::recent::RecentBatches;

/// Clones share their rows, so that a test can reopen what it closed.
#[derive(Clone)]
pub struct MemoryEngine {
    shared: Arc<Mutex<Contents>>,
    recent: RecentBatches,
    /// How long a commit takes, and by which clock.
    commit_time: Option<(Clock, Duration)>,
}

impl MemoryEngine {
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            recent: RecentBatches::new(0),
            commit_time: None,
        }
    }

    /// Commits take this long, one after the other: what a disk does. A test then counts the commits that something
    /// waits for by the time that it takes.
    pub fn slow(clock: Clock, commit_time: Duration) -> Self {
        Self {
            commit_time: Some((clock, commit_time)),
            ..Self::new()
        }
    }

    /// From now on commits fail: what a full disk does.
    pub fn break_commits(&self) {
        self.contents().is_broken = true;
    }

    /// From now on commits find a full disk, or no longer.
    pub fn fill_disk(&self, is_full: bool) {
        self.contents().is_full = is_full;
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_now(&self, fence: Fence, group: Vec<Batch>) -> Result<Revision, EngineError> {
        let mut contents = self.contents();
        if contents.is_broken {
            return Err(EngineError::Unavailable("told to break".to_owned()));
        }
        if contents.fence != fence {
            return Err(EngineError::Fenced {
                ours: fence.0,
                newest: contents.fence.0,
            });
        }
        if contents.is_full {
            return Err(EngineError::Full {
                path: "memory".to_owned(),
            });
        }
        let revision = next_revision(contents.revision, &group)?;
        for write in group.iter().flat_map(|batch| &batch.writes) {
            let key = (write.table.to_string(), write.key.to_string());
            match &write.value {
                Some(value) => contents.rows.insert(key, value.clone()),
                None => contents.rows.remove(&key),
            };
        }
        contents.revision = revision;
        self.recent.append(group);
        Ok(revision)
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for MemoryEngine {
    fn lead<'a>(&'a self, _candidate: &'a str) -> BoxFuture<'a, Result<Fence, EngineError>> {
        let mut contents = self.contents();
        contents.fence.0 += 1;
        future::ready(Ok(contents.fence)).boxed()
    }

    fn load(&self) -> BoxFuture<'_, Result<Loaded, EngineError>> {
        let contents = self.contents();
        let rows = contents.rows.iter().map(|((table, key), value)| Row {
            table: table.clone(),
            key: key.clone(),
            value: value.clone(),
        });
        let rows: Vec<Row> = rows.collect();
        let loaded = Loaded {
            revision: contents.revision,
            rows: stream::iter([Ok(rows)]).boxed(),
        };
        future::ready(Ok(loaded)).boxed()
    }

    fn commit(
        &self,
        fence: Fence,
        group: Vec<Batch>,
    ) -> BoxFuture<'_, Result<Revision, EngineError>> {
        async move {
            if let Some((clock, commit_time)) = &self.commit_time {
                clock.sleep(*commit_time).await;
            }
            self.commit_now(fence, group)
        }
        .boxed()
    }

    fn follow(&self, from: Revision) -> BoxStream<'static, Result<Arc<Batch>, FollowError>> {
        self.recent.follow(from)
    }
}

struct Contents {
    rows: BTreeMap<(String, String), Vec<u8>>,
    revision: Revision,
    fence: Fence,
    is_broken: bool,
    is_full: bool,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            revision: 0,
            fence: Fence(0),
            is_broken: false,
            is_full: false,
        }
    }
}
