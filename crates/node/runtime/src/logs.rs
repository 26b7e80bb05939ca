//! A container's log: JSON lines in numbered files, written by the shim, read by the agent.
//!
//! When a file is full the next number is begun, and the oldest is deleted. So a log is bounded, a place in it
//! ([`crate::LogCursor`]) stays good across restarts, and a reader that fell too far behind goes on at the oldest
//! line that is still there.

mod reader;
mod writer;

use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::contract::{LogLine, LogStream};

pub(crate) use reader::{Ended, FileLogReader};
pub(crate) use writer::{LogWriter, RotationLimits};

/// Longer lines are split, as Docker and the awslogs driver split them.
pub(crate) const MAX_LINE_BYTES: usize = 16 * 1024;

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<'a> {
    #[serde(rename = "t")]
    at: UnixMillis,
    #[serde(rename = "s")]
    stream: LogStream,
    #[serde(rename = "l")]
    text: std::borrow::Cow<'a, str>,
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
}

impl From<Entry<'_>> for LogLine {
    fn from(entry: Entry<'_>) -> Self {
        Self {
            at: entry.at,
            stream: entry.stream,
            text: entry.text.into_owned(),
            partial: entry.partial,
        }
    }
}
