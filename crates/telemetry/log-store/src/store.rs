//! The store as services see it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use clock::Clock;
use tokio::sync::watch;

use crate::arrivals::Arrivals;
use crate::catalogue::Catalogue;
use crate::commit::{Queue, Work};
use crate::error::LogStoreError;
use crate::journal::{Entry, Journal};
use crate::read::{ReadRequest, read};
use crate::scan::{Scan, ScanRequest, Scanned, scan};
use crate::search::{Matcher, SearchCursor, SearchPage, SearchRequest, search};
use crate::settings::GroupSettings;
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
    pub settings: GroupSettings,
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
        self.create_group_with(group, GroupSettings::default())
            .await
    }

    pub async fn create_group_with(
        &self,
        group: &str,
        settings: GroupSettings,
    ) -> Result<(), LogStoreError> {
        let group = group.to_owned();
        let work = Work::CreateGroup { group, settings };
        self.inner.submit(work).await
    }

    /// Instead of what was set before.
    pub async fn set_group(
        &self,
        group: &str,
        settings: GroupSettings,
    ) -> Result<(), LogStoreError> {
        let group = group.to_owned();
        self.inner.submit(Work::SetGroup { group, settings }).await
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
        mut request: ReadRequest,
    ) -> Result<Vec<Event>, LogStoreError> {
        let (stream, keeps_from) = self.stream(group, stream)?;
        request.start = request.start.max(keeps_from);
        self.blocking(move || read(&stream.view(), &request)).await
    }

    /// Events of many streams of a group that `matcher` says yes to, in order of time.
    pub async fn search(
        &self,
        group: &str,
        mut request: SearchRequest,
        matcher: impl Matcher,
    ) -> Result<SearchPage, LogStoreError> {
        let streams: Vec<Arc<Stream>> = {
            let catalogue = self.catalogue();
            let group = catalogue.group(group).ok_or(LogStoreError::GroupNotFound)?;
            request.start = request.start.max(group.settings.keeps_from(self.now()));
            request.streams.select(&group.streams)?
        };
        self.blocking(move || search(&streams, &request, &matcher))
            .await
    }

    /// Gives every event of a group in a time range to `visit`, in no order, on a thread that may block.
    pub async fn scan<T: Send + 'static>(
        &self,
        group: &str,
        mut request: ScanRequest,
        mut state: T,
        mut visit: impl FnMut(&mut T, Scanned<'_>) -> ControlFlow<()> + Send + 'static,
    ) -> Result<(Scan, T), LogStoreError> {
        let streams: Vec<Arc<Stream>> = {
            let catalogue = self.catalogue();
            let group = catalogue.group(group).ok_or(LogStoreError::GroupNotFound)?;
            request.start = request.start.max(group.settings.keeps_from(self.now()));
            group.streams.values().cloned().collect()
        };
        self.blocking(move || {
            let scan = scan(&streams, &request, |event| visit(&mut state, event))?;
            Ok((scan, state))
        })
        .await
    }

    /// A place behind everything that is in the group now.
    pub fn arrivals_from_now(&self, group: &str) -> Result<Arrivals, LogStoreError> {
        Ok(Arrivals::behind(&self.all_streams(group)?))
    }

    /// What came into the group since, with the names of streams; the place goes on. Many at once are cut to the newest.
    pub async fn arrivals(
        &self,
        group: &str,
        place: &mut Arrivals,
    ) -> Result<Vec<(Arc<str>, Event)>, LogStoreError> {
        let streams = self.all_streams(group)?;
        if place.is_behind(&streams) {
            return Ok(Vec::new());
        }
        let mut own = std::mem::take(place);
        let (arrived, own) = self
            .blocking(move || {
                let arrived = own.take(&streams)?;
                Ok((arrived, own))
            })
            .await?;
        *place = own;
        Ok(arrived)
    }

    fn all_streams(&self, group: &str) -> Result<Vec<Arc<Stream>>, LogStoreError> {
        let catalogue = self.catalogue();
        let group = catalogue.group(group).ok_or(LogStoreError::GroupNotFound)?;
        Ok(group.streams.values().cloned().collect())
    }

    /// The event at this place, with the names of its group and stream.
    pub async fn event(
        &self,
        place: SearchCursor,
    ) -> Result<Option<(String, String, Event)>, LogStoreError> {
        let found = {
            let catalogue = self.catalogue();
            let stream = catalogue.stream(place.stream_id).cloned();
            stream.and_then(|stream| {
                let (name, group) = catalogue.group_by_id(stream.group_id)?;
                let keeps_from = group.settings.keeps_from(self.now());
                Some((name.to_owned(), stream, keeps_from))
            })
        };
        let Some((group, stream, keeps_from)) = found else {
            return Ok(None);
        };
        let request = ReadRequest {
            start: place.timestamp.max(keeps_from),
            end: place.timestamp.saturating_add(1),
            max_events: usize::MAX,
            max_bytes: usize::MAX,
            ..ReadRequest::default()
        };
        self.blocking(move || {
            let events = read(&stream.view(), &request)?.into_iter();
            let mut same = events.filter(|event| event.sequence == place.sequence);
            Ok(same.next().map(|it| (group, stream.name.clone(), it)))
        })
        .await
    }

    /// Removes from disk what is older than its group keeps; returns how many files went.
    pub async fn expire(&self) -> Result<usize, LogStoreError> {
        let inner = Arc::clone(&self.inner);
        self.blocking(move || inner.expire()).await
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
                settings: group.settings.clone(),
            })
            .collect()
    }

    /// Of one group.
    pub fn group_settings(&self, group: &str) -> Result<GroupSettings, LogStoreError> {
        let catalogue = self.catalogue();
        let group = catalogue.group(group).ok_or(LogStoreError::GroupNotFound)?;
        Ok(group.settings.clone())
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

    /// And the earliest time that its group keeps.
    fn stream(&self, group: &str, stream: &str) -> Result<(Arc<Stream>, i64), LogStoreError> {
        let catalogue = self.catalogue();
        let group = catalogue.group(group).ok_or(LogStoreError::GroupNotFound)?;
        let found = group.streams.get(stream).cloned();
        let keeps_from = group.settings.keeps_from(self.now());
        Ok((found.ok_or(LogStoreError::StreamNotFound)?, keeps_from))
    }

    fn now(&self) -> i64 {
        self.inner.clock.now().as_millis()
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
