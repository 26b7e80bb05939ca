//! Searching many streams of a group: their events merged by time, each stream read a little at a time and only
//! when it is its turn.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use limits::LOG_SEARCH_EVENTS;

use crate::error::LogStoreError;
use crate::read::{Cursor, ReadRequest, read};
use crate::stream::{Event, Stream};

/// Events of a stream read ahead.
const CHUNK_EVENTS: usize = 1024;

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

/// A stream in the merge.
struct Source<'a> {
    stream: &'a Stream,
    name: Arc<str>,
    ahead: VecDeque<Event>,
    /// Where to read on.
    cursor: Option<Cursor>,
    is_at_end: bool,
}

impl<'a> Source<'a> {
    fn new(stream: &'a Stream, after: Option<SearchCursor>) -> Self {
        // Events of the cursor's own millisecond are before or behind it by their stream.
        let cursor = after.map(|after| match stream.id.cmp(&after.stream_id) {
            Ordering::Less => Cursor {
                timestamp: after.timestamp,
                sequence: u64::MAX,
            },
            Ordering::Equal => Cursor {
                timestamp: after.timestamp,
                sequence: after.sequence,
            },
            Ordering::Greater => Cursor {
                timestamp: after.timestamp.saturating_sub(1),
                sequence: u64::MAX,
            },
        });
        Self {
            stream,
            name: Arc::from(stream.name.as_str()),
            ahead: VecDeque::new(),
            cursor,
            is_at_end: false,
        }
    }

    fn place(&self, event: &Event) -> SearchCursor {
        SearchCursor {
            timestamp: event.timestamp,
            stream_id: self.stream.id,
            sequence: event.sequence,
        }
    }

    /// The place of the next event.
    fn peek(&mut self, request: &SearchRequest) -> Result<Option<SearchCursor>, LogStoreError> {
        if self.ahead.is_empty() && !self.is_at_end {
            let events = read(
                &self.stream.view(),
                &ReadRequest {
                    start: request.start,
                    end: request.end,
                    cursor: self.cursor,
                    max_events: CHUNK_EVENTS,
                    ..ReadRequest::default()
                },
            )?;
            self.is_at_end = events.is_empty();
            self.cursor = events.last().map(Event::cursor).or(self.cursor);
            self.ahead = events.into();
        }
        Ok(self.ahead.front().map(|event| self.place(event)))
    }
}

/// In the heap: a place where a stream's next event is, or (not yet read) cannot be before.
type Turn = Reverse<(SearchCursor, bool, usize)>;

pub(crate) fn search(
    streams: &[Arc<Stream>],
    request: &SearchRequest,
    matches: impl Fn(&str) -> bool,
) -> Result<SearchPage, LogStoreError> {
    let mut sources = Vec::new();
    let mut turns: BinaryHeap<Turn> = BinaryHeap::new();
    for stream in streams {
        let times = stream.times();
        let (Some(first), Some(last)) = (times.first_event, times.last_event) else {
            continue;
        };
        let from = request
            .after
            .map_or(request.start, |after| after.timestamp.max(request.start));
        if last < from || first >= request.end {
            continue;
        }
        let earliest = SearchCursor {
            timestamp: first.max(from),
            stream_id: 0,
            sequence: 0,
        };
        turns.push(Reverse((earliest, false, sources.len())));
        sources.push(Source::new(stream, request.after));
    }
    merge(sources, turns, request, matches)
}

fn merge(
    mut sources: Vec<Source<'_>>,
    mut turns: BinaryHeap<Turn>,
    request: &SearchRequest,
    matches: impl Fn(&str) -> bool,
) -> Result<SearchPage, LogStoreError> {
    let mut page = SearchPage::default();
    let (mut looked_at, mut bytes) = (0, 0);
    let mut last = request.after;
    while let Some(Reverse((_, is_read, index))) = turns.pop() {
        let source = &mut sources[index];
        if is_read {
            let is_full = page.events.len() >= request.max_events
                || bytes >= request.max_bytes
                || looked_at >= LOG_SEARCH_EVENTS;
            if is_full {
                page.next = last;
                return Ok(page);
            }
            if let Some(event) = source.ahead.pop_front() {
                let place = source.place(&event);
                looked_at += 1;
                last = Some(place);
                if matches(&event.message) {
                    bytes += event.message.len();
                    page.events.push((Arc::clone(&source.name), place, event));
                }
            }
        }
        if let Some(place) = source.peek(request)? {
            turns.push(Reverse((place, true, index)));
        }
    }
    Ok(page)
}
