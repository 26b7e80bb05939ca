//! What can go wrong.

use std::io;
use std::path::Path;

/// Cloned to every waiter of a failed group, so the causes are text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogStoreError {
    #[error("the log group exists already")]
    GroupExists,
    #[error("there is no such log group")]
    GroupNotFound,
    #[error("the log stream exists already")]
    StreamExists,
    #[error("there is no such log stream")]
    StreamNotFound,
    #[error("too many log events wait for the disk")]
    Overloaded,
    #[error("the log store has failed and must be opened again: {0}")]
    Failed(String),
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
    #[error("{path} is damaged: {reason}")]
    Damaged { path: String, reason: String },
}

impl LogStoreError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::File {
            path,
            reason: error.to_string(),
        }
    }

    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged {
            path: path.display().to_string(),
            reason: reason.to_string(),
        }
    }
}
