//! Searching many streams of a group: blocks are read in order of the earliest time that they hold, each once, and
//! what matches is on the page as soon as no unread block can hold anything earlier.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use limits::LOG_SEARCH_BYTES;
use memchr::memmem::Finder;

use crate::error::LogStoreError;
use crate::segment::{Block, EventRef};
use crate::stream::{Event, Stream};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamSelection {
    All,
    /// Those of these names that exist.
    Named(Vec<String>),
    Prefix(String),
}

/// The place of an event among those of all streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchCursor {
    pub timestamp: i64,
    pub stream_id: u64,
    pub sequence: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest {
    pub streams: StreamSelection,
    /// Inclusive.
    pub start: i64,
    /// Exclusive.
    pub end: i64,
    /// Only what comes after.
    pub after: Option<SearchCursor>,
    pub max_events: usize,
    pub max_bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchPage {
    /// With the name of the stream and a place that identifies the event.
    pub events: Vec<(Arc<str>, SearchCursor, Event)>,
    /// Where the next page begins; there may be one although this page is empty.
    pub next: Option<SearchCursor>,
}

impl StreamSelection {
    pub(crate) fn select(
        &self,
        streams: &BTreeMap<String, Arc<Stream>>,
    ) -> Result<Vec<Arc<Stream>>, LogStoreError> {
        Ok(match self {
            Self::All => streams.values().cloned().collect(),
            Self::Prefix(prefix) => streams
                .range(prefix.clone()..)
                .take_while(|(name, _)| name.starts_with(prefix))
                .map(|(_, stream)| Arc::clone(stream))
                .collect(),
            Self::Named(names) => names
                .iter()
                .map(|name| streams.get(name).cloned())
                .collect::<Option<_>>()
                .ok_or(LogStoreError::StreamNotFound)?,
        })
    }
}

/// Which messages are looked for.
pub trait Matcher: Send + 'static {
    fn matches(&self, message: &str) -> bool;

    /// A text that every message that matches holds: blocks without it are not taken apart.
    fn needle(&self) -> Option<&str> {
        None
    }
}

impl<F: Fn(&str) -> bool + Send + 'static> Matcher for F {
    fn matches(&self, message: &str) -> bool {
        self(message)
    }
}

/// What is still unread of a stream.
struct Source<'a> {
    stream: &'a Stream,
    name: Arc<str>,
    /// Those that come last first; `None` until it is the stream's turn.
    unread: Option<Vec<Block>>,
}

/// In the heap: before this time the source (by index) has nothing more.
type Turn = Reverse<(i64, usize)>;

struct Search<'a, M> {
    request: &'a SearchRequest,
    matcher: &'a M,
    finder: Option<Finder<'a>>,
    /// Matches, no more of them than a page takes.
    found: BTreeMap<SearchCursor, (Arc<str>, Event)>,
    found_bytes: usize,
    /// Matches went that were behind all those that are left.
    has_more: bool,
    looked_at_bytes: usize,
}

pub(crate) fn search(
    streams: &[Arc<Stream>],
    request: &SearchRequest,
    matcher: &impl Matcher,
) -> Result<SearchPage, LogStoreError> {
    let from = request
        .after
        .map_or(request.start, |after| after.timestamp.max(request.start));
    let mut sources = Vec::new();
    let mut turns: BinaryHeap<Turn> = BinaryHeap::new();
    for stream in streams {
        let times = stream.times();
        let (Some(first), Some(last)) = (times.first_event, times.last_event) else {
            continue;
        };
        if last >= from && first < request.end {
            turns.push(Reverse((first.max(from), sources.len())));
            sources.push(Source {
                stream,
                name: Arc::from(stream.name.as_str()),
                unread: None,
            });
        }
    }
    let mut search = Search {
        request,
        matcher,
        finder: matcher
            .needle()
            .map(|needle| Finder::new(needle.as_bytes())),
        found: BTreeMap::new(),
        found_bytes: 0,
        has_more: false,
        looked_at_bytes: 0,
    };
    while let Some(Reverse((bound, index))) = turns.pop() {
        if search.is_full_before(bound) {
            return Ok(search.into_page(None, true));
        }
        // A page that looked at enough ends, but never where it began.
        if search.looked_at_bytes >= LOG_SEARCH_BYTES && bound.saturating_sub(1) > from {
            return Ok(search.into_page(Some(bound), false));
        }
        if let Some(next) = search.step(&mut sources[index])? {
            turns.push(Reverse((next.max(from), index)));
        }
    }
    Ok(search.into_page(None, false))
}

impl<M: Matcher> Search<'_, M> {
    /// Reads a bit more of the source; returns the time before which it then has nothing more, if it has more.
    fn step(&mut self, source: &mut Source<'_>) -> Result<Option<i64>, LogStoreError> {
        match &mut source.unread {
            None => {
                let view = source.stream.view();
                for event in &view.tail {
                    let event_ref = EventRef {
                        timestamp: event.timestamp,
                        ingestion_time: event.ingestion_time,
                        sequence: event.sequence,
                        message: &event.message,
                    };
                    self.look_at(source.stream, &source.name, event_ref);
                }
                let mut blocks = view.blocks()?;
                let after = self.request.after.map_or(i64::MIN, |after| after.timestamp);
                let start = self.request.start.max(after);
                blocks.retain(|it| it.last_time >= start && it.first_time < self.request.end);
                blocks.sort_by_key(|block| Reverse(block.first_time));
                source.unread = Some(blocks);
            }
            Some(unread) => {
                if let Some(block) = unread.pop()
                    && let Some(raw) = block.read_raw()?
                {
                    self.looked_at_bytes += raw.len();
                    let may_match = self.finder.as_ref();
                    if may_match.is_none_or(|finder| finder.find(&raw).is_some()) {
                        block.for_each(&raw, |event| {
                            self.look_at(source.stream, &source.name, event);
                        })?;
                    }
                }
            }
        }
        let unread = source.unread.as_deref().unwrap_or_default();
        Ok(unread.last().map(|block| block.first_time))
    }

    fn look_at(&mut self, stream: &Stream, name: &Arc<str>, event: EventRef<'_>) {
        let request = self.request;
        let place = SearchCursor {
            timestamp: event.timestamp,
            stream_id: stream.id,
            sequence: event.sequence,
        };
        let is_in_range = (request.start..request.end).contains(&event.timestamp);
        if !is_in_range || request.after.is_some_and(|after| place <= after) {
            return;
        }
        let is_behind = self.is_full() && self.last().is_some_and(|last| place > last);
        if (is_behind && self.has_more) || !self.matcher.matches(event.message) {
            return;
        }
        if is_behind {
            self.has_more = true;
            return;
        }
        self.found_bytes += event.message.len();
        self.found
            .insert(place, (Arc::clone(name), event.to_event()));
        while self.is_more_than_full() {
            if let Some((_, (_, event))) = self.found.pop_last() {
                self.found_bytes -= event.message.len();
                self.has_more = true;
            }
        }
    }

    fn last(&self) -> Option<SearchCursor> {
        self.found.last_key_value().map(|(place, _)| *place)
    }

    fn is_full(&self) -> bool {
        self.found.len() >= self.request.max_events || self.found_bytes >= self.request.max_bytes
    }

    /// Full without the last one as well.
    fn is_more_than_full(&self) -> bool {
        let last = self.found.last_key_value();
        let last_bytes = last.map_or(0, |(_, (_, event))| event.message.len());
        self.found.len() > 1
            && (self.found.len() > self.request.max_events
                || self.found_bytes - last_bytes >= self.request.max_bytes)
    }

    fn is_full_before(&self, bound: i64) -> bool {
        self.is_full() && self.last().is_some_and(|last| last.timestamp < bound)
    }

    /// What was found before `frontier`, where a search that is not at its end goes on.
    fn into_page(mut self, frontier: Option<i64>, is_full: bool) -> SearchPage {
        if let Some(frontier) = frontier {
            let beyond = SearchCursor {
                timestamp: frontier,
                stream_id: 0,
                sequence: 0,
            };
            let cut = self.found.split_off(&beyond);
            self.has_more &= cut.is_empty();
        }
        let last = self.last().filter(|_| is_full || self.has_more);
        let frontier = frontier.map(|frontier| SearchCursor {
            timestamp: frontier.saturating_sub(1),
            stream_id: u64::MAX,
            sequence: u64::MAX,
        });
        let events = self.found.into_iter();
        SearchPage {
            events: events
                .map(|(place, (name, event))| (name, place, event))
                .collect(),
            next: last.or(frontier),
        }
    }
}
