//! What can go wrong above the engine.

use crate::engine::{EngineError, Revision};

/// Cloned to every waiter of a failed group, so the causes are text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    #[error("table {table} already has a row {key}")]
    Exists { table: &'static str, key: String },

    #[error(
        "the transaction changes {rows} rows and {bytes} bytes; {} rows and {} bytes are allowed",
        limits::TRANSACTION_ROWS,
        limits::TRANSACTION_BYTES
    )]
    TooLarge { rows: usize, bytes: usize },

    #[error("{waiting} transactions already wait for the disk")]
    Overloaded { waiting: usize },

    #[error("the store has failed and must be reloaded: {reason}")]
    Failed { reason: String },

    /// Nothing of the transaction was done. Transactions are taken again as soon as there is room.
    #[error("the state cannot be changed: {reason}")]
    Full { reason: String },

    #[error("the store is closed")]
    Closed,

    #[error("row {key} of table {table} cannot be encoded: {reason}")]
    Encode {
        table: &'static str,
        key: String,
        reason: String,
    },

    #[error("row {key} of table {table} cannot be decoded: {reason}")]
    Decode {
        table: &'static str,
        key: String,
        reason: String,
    },

    #[error("table {table} has rows of version {found}, this binary knows {known}")]
    Version {
        table: &'static str,
        found: u32,
        known: u32,
    },

    #[error("the engine's rows end at revision {found}, {expected} was promised")]
    Incomplete { expected: Revision, found: Revision },

    #[error(transparent)]
    Engine(#[from] EngineError),
}
