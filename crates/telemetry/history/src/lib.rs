//! What left the hot tables: stopped tasks, events and deployments in segment files, by key and by
//! time.
//!
//! Each *kind* of thing has a directory of append-only segment files, `tasks/00000001.seg`, of bounded size. An entry
//! has a key, a time, a payload that this crate does not look into, and a checksum. One thread writes (in a simulation a task): what gathers
//! while it waits for the disk becomes one group with one fsync. In memory there is only where each entry lies. A
//! segment that is full is sealed with an index file beside it, so that a start need not read every entry; the last one
//! is read, and what a crash left half-written at its end is set aside. Entries go by whole segments, when all of a
//! segment is older than the operator wants to keep.

mod checksum;
mod index;
mod kind;
mod segment;
mod writer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use clock::{Clock, UnixMillis};
use tokio::sync::{mpsc, oneshot};

use index::Location;
use kind::Kind;
use writer::Job;

/// Stopped tasks.
pub const TASKS: &str = "tasks";
/// Deployments of services, each as it was last.
pub const DEPLOYMENTS: &str = "deployments";
/// What happened, many events an entry.
pub const EVENTS: &str = "events";

/// Offsets are 32 bits wide; the last entry may reach past the segment's size.
const SEGMENT_BYTES_MAX: u32 = 1024 * 1024 * 1024;

/// The history of one data directory; cheap to clone.
#[derive(Clone)]
pub struct History {
    inner: Arc<Inner>,
}

/// How files are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment that would grow past this is sealed and a new one begun. At most 1 GiB counts.
    pub segment_bytes: u32,
    /// A segment whose first entry is this much older than the next is sealed too, so that few old entries are kept
    /// alive by young ones.
    pub segment_age_seconds: u64,
}

/// One thing that happened, or ended, at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub at: UnixMillis,
    pub payload: Vec<u8>,
}

/// Which entries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// Keys start with this.
    pub prefix: &'a str,
    /// Nothing older.
    pub since: UnixMillis,
    /// Nothing younger.
    pub until: Option<UnixMillis>,
    pub order: Order,
    /// Continue after this entry of the last page.
    pub after: Option<(UnixMillis, &'a str)>,
    pub limit: usize,
}

/// In which order to list. Entries of one time are in the order of their keys, or the reverse of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// Cloned to everyone in a failed group, so causes are text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error("{path}: {reason}")]
    Io { path: String, reason: String },

    #[error("the entry {key} at byte {offset} of {path} is damaged")]
    Damaged {
        path: String,
        offset: u32,
        key: String,
    },

    #[error("{kind} is not a kind of history: small letters, digits and hyphens are allowed")]
    Kind { kind: String },

    #[error(
        "the entry {key} has {bytes} bytes, {} are allowed",
        limits::HISTORY_ENTRY_BYTES
    )]
    TooLarge { key: String, bytes: usize },

    #[error("{path} cannot be written any more since: {reason}")]
    Failed { path: String, reason: String },

    #[error("the history is closed")]
    Closed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            segment_age_seconds: 24 * 60 * 60,
        }
    }
}

impl History {
    /// Opens (or makes) the directory, with every kind in it. Blocks while it reads.
    pub fn open(
        directory: impl Into<PathBuf>,
        options: Options,
        clock: Clock,
    ) -> Result<Self, HistoryError> {
        let directory = directory.into();
        let kinds = Arc::new(RwLock::new(kind::open_all(&directory)?));
        let (jobs, waiting) = mpsc::channel(limits::HISTORY_WAITING_APPENDS);
        let segment_bytes = options.segment_bytes.min(SEGMENT_BYTES_MAX);
        let options = Options {
            segment_bytes,
            ..options
        };
        let writer = writer::Writer::new(directory.clone(), options, kinds.clone());
        let thread = if clock.is_simulated() {
            drop(clock.spawn("history-writer", writer.run_as_task(waiting)));
            None
        } else {
            let thread = std::thread::Builder::new()
                .name("history-writer".to_owned())
                .spawn(move || writer.run(waiting));
            Some(thread.map_err(|error| segment::io_error(&directory, &error))?)
        };
        Ok(Self {
            inner: Arc::new(Inner {
                kinds,
                jobs: Some(jobs),
                thread,
                clock,
            }),
        })
    }

    /// Appends one entry and waits until it is durable. The same entry again costs nothing; another one with the same
    /// key takes its place.
    pub async fn append(
        &self,
        kind: &str,
        key: impl Into<String>,
        at: UnixMillis,
        payload: Vec<u8>,
    ) -> Result<(), HistoryError> {
        self.append_all(
            kind,
            vec![Entry {
                key: key.into(),
                at,
                payload,
            }],
        )
        .await
    }

    /// Appends entries and waits until all of them are durable.
    pub async fn append_all(&self, kind: &str, entries: Vec<Entry>) -> Result<(), HistoryError> {
        kind::check_name(kind)?;
        entries.iter().try_for_each(segment::check_size)?;
        let kind = kind.to_owned();
        self.ask(|reply| Job::Append {
            kind,
            entries,
            reply,
        })
        .await
    }

    /// The newest entry with this key.
    pub async fn get(&self, kind: &str, key: &str) -> Result<Option<Entry>, HistoryError> {
        let Some(kind) = self.kind(kind) else {
            return Ok(None);
        };
        let Some(location) = kind.index().get(key) else {
            return Ok(None);
        };
        let found = self.read(kind, vec![(key.to_owned(), location)]).await?;
        Ok(found.into_iter().next())
    }

    /// Entries, in the order that the query asks for.
    pub async fn list(&self, kind: &str, query: &Query<'_>) -> Result<Vec<Entry>, HistoryError> {
        let Some(kind) = self.kind(kind) else {
            return Ok(Vec::new());
        };
        let found = kind.index().list(query);
        self.read(kind, found).await
    }

    /// Keys and times of entries, in the order that the query asks for; reads no file.
    pub fn list_keys(&self, kind: &str, query: &Query<'_>) -> Vec<(String, UnixMillis)> {
        let Some(kind) = self.kind(kind) else {
            return Vec::new();
        };
        let found = kind.index().list(query);
        found
            .into_iter()
            .map(|(key, location)| (key, location.at))
            .collect()
    }

    /// Is there an entry with this key?
    pub fn contains(&self, kind: &str, key: &str) -> bool {
        self.kind(kind)
            .is_some_and(|kind| kind.index().get(key).is_some())
    }

    /// How many keys there are.
    pub fn count(&self, kind: &str) -> usize {
        self.kind(kind).map_or(0, |kind| kind.index().len())
    }

    /// Deletes segments, from the oldest to the first in which anything is as young as `older_than`; answers how many
    /// entries went.
    pub async fn expire(&self, kind: &str, older_than: UnixMillis) -> Result<usize, HistoryError> {
        kind::check_name(kind)?;
        let kind = kind.to_owned();
        self.ask(|reply| Job::Expire {
            kind,
            older_than,
            reply,
        })
        .await
    }

    fn kind(&self, name: &str) -> Option<Arc<Kind>> {
        self.inner
            .kinds
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, HistoryError>>) -> Job,
    ) -> Result<T, HistoryError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.inner.jobs.as_ref().ok_or(HistoryError::Closed)?;
        jobs.send(job(reply))
            .await
            .map_err(|_| HistoryError::Closed)?;
        answer.await.map_err(|_| HistoryError::Closed)?
    }

    async fn read(
        &self,
        kind: Arc<Kind>,
        found: Vec<(String, Location)>,
    ) -> Result<Vec<Entry>, HistoryError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let reading = self.inner.clock.spawn_blocking(move || {
            // A segment that expired since the index was asked takes its entries with it.
            let entries = found
                .iter()
                .filter_map(|(key, location)| kind.read(key, *location).transpose());
            entries.collect()
        });
        reading.await.map_err(|_| HistoryError::Closed)?
    }
}

type Kinds = Arc<RwLock<HashMap<String, Arc<Kind>>>>;

struct Inner {
    kinds: Kinds,
    /// Taken when dropped, which ends the thread.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    clock: Clock,
}

impl Drop for Inner {
    /// Waits for the writer, so that the files are still when this returns.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the history writer panicked");
        }
    }
}
