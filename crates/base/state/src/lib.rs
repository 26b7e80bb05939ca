//! Typed tables in memory, transactions, change feed, group commit over an [`Engine`].
//!
//! There is one mutable *head* behind a lock, with one writer at a time, and a *durable* watermark behind it.
//! [`Store::transact`] changes the head at once; a committer task takes what has gathered meanwhile, commits it to the
//! engine as one group (one fsync) and moves the watermark. Whatever leaves the process first waits for the watermark
//! with [`Committed::durable`]; loops work on the head. When a commit fails or the fence is lost, the store has
//! *failed*: every waiter and every later transaction gets [`StateError::Failed`], and only a reload heals.
//!
//! A full disk is not such a failure. What was not durable is taken back out of the head, its waiters get
//! [`StateError::Full`] (nothing of theirs was done), readers of the feed are told to sweep, and until the engine has
//! room again reads go on and transactions are refused.
//!
//! Rows that the engine holds for tables this binary does not know (a newer one wrote them) stay in the engine
//! untouched and are not loaded; rows of a known table in an unknown, newer version are an error at open.

mod backup;
mod committer;
mod encoding;
mod engine;
pub mod engine_suite;
mod error;
mod feed;
mod head;
mod memory;
mod recent;
mod record;
mod store;
mod table;
mod transaction;

pub use backup::{BackupError, BackupHeader, read_backup, write_backup};
pub use ciborium;
pub use engine::{
    Batch, BoxFuture, BoxStream, Engine, EngineError, Fence, FollowError, Loaded, Revision, Row,
    Write, next_revision,
};
pub use error::StateError;
pub use feed::{Feed, FeedEvent};
pub use head::{Head, Schema};
pub use memory::MemoryEngine;
pub use recent::RecentBatches;
pub use record::{Change, ChangeSet, Index, Record, View};
pub use store::{Committed, Store};
pub use transaction::Tx;
