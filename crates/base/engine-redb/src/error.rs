//! redb's errors as the engine's, with the file's path.

use std::path::Path;
use std::sync::Arc;

use redb::DatabaseError;
use state::EngineError;

/// Makes errors about one file; cheap to clone.
#[derive(Clone)]
pub(crate) struct Faults {
    path: Arc<str>,
}

impl Faults {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.display().to_string().into(),
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn io(&self, error: std::io::Error) -> EngineError {
        EngineError::Unavailable(format!("{}: {error}", self.path))
    }

    pub(crate) fn database(&self, error: DatabaseError) -> EngineError {
        match error {
            DatabaseError::DatabaseAlreadyOpen => EngineError::Locked {
                path: self.path.to_string(),
            },
            other => self.redb(other),
        }
    }

    pub(crate) fn redb(&self, error: impl Into<redb::Error>) -> EngineError {
        match error.into() {
            redb::Error::Corrupted(reason) => self.corrupt(reason),
            // redb tells a foreign file by its first bytes, as invalid data.
            redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                self.corrupt(error.to_string())
            }
            other => EngineError::Unavailable(format!("{}: {other}", self.path)),
        }
    }

    pub(crate) fn corrupt(&self, reason: String) -> EngineError {
        EngineError::Corrupt {
            path: self.path.to_string(),
            reason,
        }
    }
}
