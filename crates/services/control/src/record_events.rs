//! Writes down what happens, in the order in which it happened, many events at once.
//!
//! Events come from the change feed and go to the history when what they tell is durable. What a crash, or a feed that
//! lagged, kept from being written is found in the records ([`events::missing`]).

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use clock::{Clock, UnixMillis};
use history::{Entry, History, HistoryError, Query};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use state::{Feed, FeedEvent, StateError, Store, ciborium};
use tokio::sync::watch;

use crate::{
    deployments,
    events::{self, Event},
};

/// Events this close are written together: one fsync for many.
const GATHER: Duration = Duration::from_millis(200);
/// So many are not gathered any longer.
const GATHERED_AT_MOST: usize = 4096;
/// Events of one entry of the history.
const BATCH_EVENTS: usize = 512;
/// How far before the newest written event others may be missing: longer than any gathering and writing takes.
const UNCERTAIN: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(1);
/// Batches read at once.
const PAGE_BATCHES: usize = 16;

/// One entry of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Batch {
    version: u32,
    /// Number of the first event; the next has the next number. Numbers may be left out between batches.
    pub first: u64,
    /// Time of the oldest event.
    pub from: UnixMillis,
    pub events: Vec<Event>,
}

/// Why nothing could be written now.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    History(#[from] HistoryError),
    /// What was gathered may have been taken back.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Follows the change feed from where it was made on.
pub struct Recorder {
    store: Store,
    history: Arc<History>,
    clock: Clock,
    feed: Feed,
    next: u64,
    /// Time of the newest written batch: time never goes back in the history.
    newest: UnixMillis,
    gathered: Vec<Event>,
    deployments: BTreeMap<String, Entry>,
    /// Changes were missed: look at every record.
    is_behind: bool,
}

impl Batch {
    const VERSION: u32 = 1;

    /// Numbers grow, so keys must too.
    pub(crate) fn key(first: u64) -> String {
        format!("{first:020}")
    }

    pub(crate) fn decode(entry: &Entry) -> Result<Self, HistoryError> {
        let batch: Self = decode(entry)?;
        if batch.version == Self::VERSION {
            return Ok(batch);
        }
        Err(unreadable(entry, &format!("version {}", batch.version)))
    }

    /// The events with their numbers.
    pub(crate) fn numbered(
        &self,
    ) -> impl DoubleEndedIterator<Item = (u64, &Event)> + ExactSizeIterator {
        let first = self.first;
        let events = self.events.iter().enumerate();
        events.map(move |(position, event)| (first + position as u64, event))
    }
}

impl Recorder {
    pub async fn open(
        store: Store,
        history: Arc<History>,
        clock: Clock,
    ) -> Result<Self, RecordError> {
        let newest = Query {
            limit: 1,
            ..Query::default()
        };
        let newest = history.list(history::EVENTS, &newest).await?;
        let (mut next, mut newest_at) = (1, UnixMillis::EPOCH);
        if let Some(entry) = newest.first() {
            let batch = Batch::decode(entry)?;
            next = batch.first + batch.events.len() as u64;
            newest_at = entry.at;
        }
        let mut recorder = Self {
            feed: store.feed(),
            store,
            history,
            clock,
            next,
            newest: newest_at,
            gathered: vec![],
            deployments: BTreeMap::new(),
            is_behind: true,
        };
        recorder.catch_up().await?;
        Ok(recorder)
    }

    /// Until shutdown, and then what was gathered.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        loop {
            let is_last = self.gather(&mut shutdown).await;
            if let Err(error) = self.write().await {
                tracing::warn!(%error, retry_in = ?RETRY, "events could not be written");
                if is_last {
                    return;
                }
                self.clock.sleep(RETRY).await;
            }
            if is_last {
                return;
            }
        }
    }

    /// Waits for an event and then a little for more; true when it is time to end.
    async fn gather(&mut self, shutdown: &mut watch::Receiver<bool>) -> bool {
        let mut until = self.has_work().then(|| self.clock.monotonic() + GATHER);
        while self.gathered.len() < GATHERED_AT_MOST {
            let pause = until.map(|until| until.saturating_sub(self.clock.monotonic()));
            let clock = self.clock.clone();
            let rest = async move {
                match pause {
                    Some(pause) => clock.sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = shutdown.wait_for(|stopping| *stopping) => {
                    while let Some(event) = self.feed.try_next() {
                        self.note(event);
                    }
                    return true;
                }
                () = rest => return false,
                event = self.feed.next() => {
                    self.note(event);
                    if until.is_none() && self.has_work() {
                        until = Some(self.clock.monotonic() + GATHER);
                    }
                }
            }
        }
        false
    }

    fn note(&mut self, event: FeedEvent) {
        let FeedEvent::Changes(set) = event else {
            self.is_behind = true;
            return;
        };
        if !set.changes.iter().any(events::concerns) {
            return;
        }
        let now = self.clock.now();
        let seen = self.store.read(|head| {
            let changes = set.changes.iter();
            changes
                .flat_map(|change| events::of_change(head, change, now))
                .collect::<Vec<_>>()
        });
        // Written only once it is durable.
        self.gathered.extend(seen.head());
        let deployments = set.changes.iter().flat_map(deployments::of_change);
        self.deployments
            .extend(deployments.map(|entry| (entry.key.clone(), entry)));
    }

    fn has_work(&self) -> bool {
        self.is_behind || !self.gathered.is_empty() || !self.deployments.is_empty()
    }

    async fn write(&mut self) -> Result<(), RecordError> {
        self.store
            .barrier()
            .await
            .inspect_err(|_| self.is_behind = true)?;
        if self.is_behind {
            self.catch_up().await?;
        }
        self.gathered.sort_by_key(|event| event.at);
        let (mut next, mut newest) = (self.next, self.newest);
        let mut entries = vec![];
        for events in self.gathered.chunks(BATCH_EVENTS) {
            let from = events.first().map_or(newest, |event| event.at);
            newest = events.last().map_or(newest, |event| event.at.max(newest));
            let batch = Batch {
                version: Batch::VERSION,
                first: next,
                from,
                events: events.to_vec(),
            };
            entries.push(Entry {
                key: Batch::key(next),
                at: newest,
                payload: encode(&batch),
            });
            next += events.len() as u64;
        }
        if !entries.is_empty() {
            self.history.append_all(history::EVENTS, entries).await?;
        }
        (self.next, self.newest) = (next, newest);
        self.gathered.clear();
        let deployments: Vec<Entry> = self.deployments.values().cloned().collect();
        if !deployments.is_empty() {
            self.history
                .append_all(history::DEPLOYMENTS, deployments)
                .await?;
            self.deployments.clear();
        }
        Ok(())
    }

    /// Gathers anew from the records what is not written.
    async fn catch_up(&mut self) -> Result<(), RecordError> {
        let since = self.newest - UNCERTAIN;
        let known = self.written_since(since).await?;
        let looked = self
            .store
            .read_and_feed(|head| (events::missing(head, since, &known), deployments::all(head)));
        let (committed, feed) = looked;
        self.feed = feed;
        let (missing, deployments) = committed.durable().await?;
        self.gathered = missing;
        self.deployments = deployments
            .into_iter()
            .map(|entry| (entry.key.clone(), entry))
            .collect();
        self.is_behind = false;
        Ok(())
    }

    async fn written_since(&self, since: UnixMillis) -> Result<HashSet<String>, HistoryError> {
        let mut known = HashSet::new();
        let mut last: Option<(UnixMillis, String)> = None;
        loop {
            let query = Query {
                since,
                after: last.as_ref().map(|(at, key)| (*at, key.as_str())),
                limit: PAGE_BATCHES,
                ..Query::default()
            };
            let entries = self.history.list(history::EVENTS, &query).await?;
            for entry in &entries {
                let batch = Batch::decode(entry)?;
                known.extend(batch.events.into_iter().map(|event| event.id));
            }
            match entries.last() {
                Some(entry) => last = Some((entry.at, entry.key.clone())),
                None => return Ok(known),
            }
        }
    }
}

pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![];
    ciborium::into_writer(value, &mut bytes).expect("plain data is written to memory");
    bytes
}

pub(crate) fn decode<T: DeserializeOwned>(entry: &Entry) -> Result<T, HistoryError> {
    ciborium::from_reader(entry.payload.as_slice())
        .map_err(|error| unreadable(entry, &error.to_string()))
}

fn unreadable(entry: &Entry, reason: &str) -> HistoryError {
    HistoryError::Io {
        path: entry.key.clone(),
        reason: format!("the entry cannot be read: {reason}"),
    }
}
