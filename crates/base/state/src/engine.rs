//! The durable, ordered log of committed changes. Everything else about state is in memory, above this.
//!
//! An engine knows bytes only. It keeps the rows at the last revision, refuses a writer whose fence is not the newest,
//! and keeps recent batches for followers.

use std::borrow::Cow;
use std::sync::Arc;

pub use futures_util::future::BoxFuture;
pub use futures_util::stream::BoxStream;

/// Counts committed batches; the first is 1, an empty engine is at 0.
pub type Revision = u64;

/// Names one period of leadership; a greater one makes all earlier ones worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// The changes of one transaction. All of them become durable, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub revision: Revision,
    pub writes: Vec<Write>,
}

/// One row's new value, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub table: Cow<'static, str>,
    pub key: Arc<str>,
    pub value: Option<Vec<u8>>,
}

/// One row as loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub table: String,
    pub key: String,
    pub value: Vec<u8>,
}

/// All rows at one revision, in order of table and key, in chunks.
pub struct Loaded {
    pub revision: Revision,
    pub rows: BoxStream<'static, Result<Vec<Row>, EngineError>>,
}

/// Where committed changes live.
pub trait Engine: Send + Sync + 'static {
    /// Takes leadership: from now on only commits with the answered fence succeed. `candidate` is for people to read.
    fn lead<'a>(&'a self, candidate: &'a str) -> BoxFuture<'a, Result<Fence, EngineError>>;

    /// Everything at the last revision; called once at start and after [`FollowError::Compacted`].
    fn load(&self) -> BoxFuture<'_, Result<Loaded, EngineError>>;

    /// Makes a whole group durable with one fsync, or nothing of it, and answers the last revision.
    ///
    /// The batches must continue the engine's revision without gaps ([`EngineError::Conflict`] otherwise), under the
    /// newest fence ([`EngineError::Fenced`] otherwise). An empty group changes nothing and fails when a small one would:
    /// that is how the store finds out that a full disk has room again.
    fn commit(
        &self,
        fence: Fence,
        group: Vec<Batch>,
    ) -> BoxFuture<'_, Result<Revision, EngineError>>;

    /// Every batch after `from`, in order, without gaps, and then those to come.
    fn follow(&self, from: Revision) -> BoxStream<'static, Result<Arc<Batch>, FollowError>>;
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    #[error("another writer leads since (fence {newest}, ours is {ours})")]
    Fenced { ours: u64, newest: u64 },

    #[error("the engine is at revision {at}, the group starts at {group}")]
    Conflict { at: Revision, group: Revision },

    #[error("{path} is in use by another process")]
    Locked { path: String },

    #[error("{path} is damaged: {reason}")]
    Corrupt { path: String, reason: String },

    /// Nothing of the group was written, and later commits may succeed.
    #[error("{path}: no space left on the disk")]
    Full { path: String },

    #[error("the engine does not answer: {0}")]
    Unavailable(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// The wanted batches are gone; load again.
    #[error("batches after revision {from} are gone, the oldest kept is {oldest}")]
    Compacted { from: Revision, oldest: Revision },
}

/// The revision after the group, if the group continues `at` without gaps; for engines' own checks.
pub fn next_revision(at: Revision, group: &[Batch]) -> Result<Revision, EngineError> {
    let mut newest = at;
    for batch in group {
        if batch.revision != newest + 1 {
            return Err(EngineError::Conflict {
                at: newest,
                group: batch.revision,
            });
        }
        newest = batch.revision;
    }
    Ok(newest)
}
