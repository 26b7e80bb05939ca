//! The store as services see it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use clock::Clock;
use tokio::sync::watch;

use crate::catalogue::Catalogue;
use crate::commit::{Queue, Work};
use crate::error::LogStoreError;
use crate::journal::{Entry, Journal};
use crate::read::{ReadRequest, read};
use crate::search::{SearchPage, SearchRequest, search};
use crate::stream::{Event, Stream};

/// Log events by group and stream. Cheap to clone.
///
/// Group names are the caller's: put account and region into them.
#[derive(Clone)]
pub struct LogStore {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub root: PathBuf,
    pub clock: Clock,
    pub catalogue: RwLock<Catalogue>,
    pub journal: Mutex<Journal>,
    pub queue: Mutex<Queue>,
    pub is_committing: AtomicBool,
    pub is_folding: AtomicBool,
    pub folding: Mutex<()>,
    pub failed: OnceLock<String>,
    /// Counts commits.
    pub changes: watch::Sender<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub timestamp: i64,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    pub name: String,
    pub created_at: i64,
    pub stored_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    pub name: String,
    pub created_at: i64,
    pub first_event_at: Option<i64>,
    pub last_event_at: Option<i64>,
    pub last_ingestion_at: Option<i64>,
    pub stored_bytes: u64,
}

impl LogStore {
    /// Reads what is there and replays the journal. Blocks; the directory is made if it is not there.
    pub fn open(directory: &Path, clock: Clock) -> Result<Self, LogStoreError> {
        std::fs::create_dir_all(directory).map_err(LogStoreError::file(directory))?;
        let mut catalogue = Catalogue::load(directory)?;
        let mut replayed = HashSet::new();
        let journal = Journal::open(&directory.join("journal"), |entry| {
            replay(directory, &mut catalogue, &mut replayed, entry)
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                root: directory.to_owned(),
                clock,
                catalogue: RwLock::new(catalogue),
                journal: Mutex::new(journal),
                queue: Mutex::default(),
                is_committing: AtomicBool::new(false),
                is_folding: AtomicBool::new(false),
                folding: Mutex::default(),
                failed: OnceLock::new(),
                changes: watch::Sender::new(0),
            }),
        })
    }

    pub async fn create_group(&self, group: &str) -> Result<(), LogStoreError> {
        let group = group.to_owned();
        self.inner.submit(Work::CreateGroup { group }).await
    }

    /// With everything in it.
    pub async fn delete_group(&self, group: &str) -> Result<(), LogStoreError> {
        let group = group.to_owned();
        self.inner.submit(Work::DeleteGroup { group }).await
    }

    pub async fn create_stream(&self, group: &str, stream: &str) -> Result<(), LogStoreError> {
        let (group, stream) = (group.to_owned(), stream.to_owned());
        self.inner
            .submit(Work::CreateStream { group, stream })
            .await
    }

    pub async fn delete_stream(&self, group: &str, stream: &str) -> Result<(), LogStoreError> {
        let (group, stream) = (group.to_owned(), stream.to_owned());
        self.inner
            .submit(Work::DeleteStream { group, stream })
            .await
    }

    /// All of the events or none; durable when it returns.
    pub async fn append(
        &self,
        group: &str,
        stream: &str,
        events: Vec<NewEvent>,
    ) -> Result<(), LogStoreError> {
        let (group, stream) = (group.to_owned(), stream.to_owned());
        let events = events
            .into_iter()
            .map(|event| (event.timestamp, Arc::from(event.message)))
            .collect();
        let work = Work::Append {
            group,
            stream,
            events,
        };
        self.inner.submit(work).await
    }

    /// Events of one stream, always in order of time.
    pub async fn read(
        &self,
        group: &str,
        stream: &str,
        request: ReadRequest,
    ) -> Result<Vec<Event>, LogStoreError> {
        let stream = self.stream(group, stream)?;
        self.blocking(move || read(&stream.view(), &request)).await
    }

    /// Events of many streams of a group that `matches` says yes to, in order of time.
    pub async fn search(
        &self,
        group: &str,
        request: SearchRequest,
        matches: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<SearchPage, LogStoreError> {
        let streams: Vec<Arc<Stream>> = {
            let catalogue = self.catalogue();
            let group = catalogue.group(group).ok_or(LogStoreError::GroupNotFound)?;
            request.streams.select(&group.streams)?
        };
        self.blocking(move || search(&streams, &request, matches))
            .await
    }

    /// Groups whose name begins with `prefix`, in order of name, those after `after`.
    pub fn groups(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<GroupInfo> {
        let catalogue = self.catalogue();
        let from = prefix.max(after.unwrap_or_default()).to_owned();
        let groups = catalogue.groups().range(from..);
        groups
            .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after))
            .take_while(|(name, _)| name.starts_with(prefix))
            .take(limit)
            .map(|(name, group)| GroupInfo {
                name: name.clone(),
                created_at: group.created_at,
                stored_bytes: group.streams.values().map(|it| it.stored_bytes()).sum(),
            })
            .collect()
    }

    pub fn has_group(&self, group: &str) -> bool {
        self.catalogue().group(group).is_some()
    }

    /// Streams of the group whose name begins with `prefix`, in order of name.
    pub fn streams(&self, group: &str, prefix: &str) -> Result<Vec<StreamInfo>, LogStoreError> {
        let catalogue = self.catalogue();
        let group = catalogue.group(group).ok_or(LogStoreError::GroupNotFound)?;
        let streams = group.streams.range(prefix.to_owned()..);
        Ok(streams
            .take_while(|(name, _)| name.starts_with(prefix))
            .map(|(_, stream)| info(stream))
            .collect())
    }

    /// Changes whenever something was committed: what a follower waits for.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Folds the journal, so that the next open is quick. The store can still be used.
    pub async fn fold(&self) -> Result<(), LogStoreError> {
        self.inner.submit(Work::Fold).await
    }

    fn catalogue(&self) -> std::sync::RwLockReadGuard<'_, Catalogue> {
        let catalogue = &self.inner.catalogue;
        catalogue.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn stream(&self, group: &str, stream: &str) -> Result<Arc<Stream>, LogStoreError> {
        let catalogue = self.catalogue();
        let group = catalogue.group(group).ok_or(LogStoreError::GroupNotFound)?;
        let found = group.streams.get(stream).cloned();
        found.ok_or(LogStoreError::StreamNotFound)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, LogStoreError> + Send + 'static,
    ) -> Result<T, LogStoreError> {
        let done = self.inner.clock.spawn_blocking(work).await;
        done.map_err(|error| LogStoreError::Failed(error.to_string()))?
    }
}

impl Inner {
    pub fn journal_directory(&self) -> PathBuf {
        self.root.join("journal")
    }
}

/// Takes in an entry of the journal at open. The first append to a stream cuts its files to what the catalogue
/// knows: whatever was flushed after that is in the journal too, and comes again.
fn replay(
    root: &Path,
    catalogue: &mut Catalogue,
    replayed: &mut HashSet<u64>,
    entry: Entry,
) -> Result<(), LogStoreError> {
    let Entry::Append {
        stream_id,
        first_sequence,
        ingestion_time,
        events,
    } = entry
    else {
        return catalogue.apply(root, &entry);
    };
    let Some(stream) = catalogue.stream(stream_id) else {
        return Ok(());
    };
    if replayed.insert(stream_id) {
        stream.cut_to_folded()?;
    }
    stream.append(first_sequence, ingestion_time, events)
}

fn info(stream: &Stream) -> StreamInfo {
    let times = stream.times();
    StreamInfo {
        name: stream.name.clone(),
        created_at: stream.created_at,
        first_event_at: times.first_event,
        last_event_at: times.last_event,
        last_ingestion_at: times.last_ingestion,
        stored_bytes: stream.stored_bytes(),
    }
}
