//! Reading one stream by time: blocks are looked at in order, and no more of them than the page needs.

use crate::error::LogStoreError;
use crate::segment::Block;
use crate::stream::{Event, View};

/// A place between events: after (forward) or before (backward) the event with this time and sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub timestamp: i64,
    pub sequence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The earliest events first.
    #[default]
    Forward,
    /// The page holds the latest events (still in order of time).
    Backward,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// Inclusive.
    pub start: i64,
    /// Exclusive.
    pub end: i64,
    pub direction: Direction,
    pub cursor: Option<Cursor>,
    pub max_events: usize,
    pub max_bytes: usize,
}

impl Default for ReadRequest {
    fn default() -> Self {
        Self {
            start: i64::MIN,
            end: i64::MAX,
            direction: Direction::Forward,
            cursor: None,
            max_events: 10_000,
            max_bytes: 1024 * 1024,
        }
    }
}

impl Event {
    pub fn cursor(&self) -> Cursor {
        Cursor {
            timestamp: self.timestamp,
            sequence: self.sequence,
        }
    }
}

impl ReadRequest {
    fn wants(&self, event: &Event) -> bool {
        let is_beyond_cursor = match (self.cursor, self.direction) {
            (None, _) => true,
            (Some(cursor), Direction::Forward) => event.cursor() > cursor,
            (Some(cursor), Direction::Backward) => event.cursor() < cursor,
        };
        (self.start..self.end).contains(&event.timestamp) && is_beyond_cursor
    }

    fn may_hold(&self, block: &Block) -> bool {
        let is_beyond_cursor = match (self.cursor, self.direction) {
            (None, _) => true,
            (Some(cursor), Direction::Forward) => block.last_time >= cursor.timestamp,
            (Some(cursor), Direction::Backward) => block.first_time <= cursor.timestamp,
        };
        block.last_time >= self.start && block.first_time < self.end && is_beyond_cursor
    }
}

pub(crate) fn read(view: &View, request: &ReadRequest) -> Result<Vec<Event>, LogStoreError> {
    let is_forward = request.direction == Direction::Forward;
    let mut blocks = view.blocks()?;
    blocks.retain(|block| request.may_hold(block));
    if is_forward {
        blocks.sort_by_key(|block| block.first_time);
    } else {
        blocks.sort_by_key(|block| std::cmp::Reverse(block.last_time));
    }
    let tail = view.tail.iter().filter(|event| request.wants(event));
    let mut events: Vec<Event> = tail.cloned().collect();
    for block in &blocks {
        // Events that no block from here on can come before (after, backwards).
        let settled = events
            .iter()
            .filter(|event| match is_forward {
                true => event.timestamp < block.first_time,
                false => event.timestamp > block.last_time,
            })
            .count();
        if settled >= request.max_events {
            break;
        }
        let read = block.read()?.unwrap_or_default();
        events.extend(read.into_iter().filter(|event| request.wants(event)));
    }
    events.sort_by_key(Event::cursor);
    if !is_forward {
        events.reverse();
    }
    keep_page(&mut events, request);
    if !is_forward {
        events.reverse();
    }
    Ok(events)
}

/// At least one event, however long.
fn keep_page(events: &mut Vec<Event>, request: &ReadRequest) {
    events.truncate(request.max_events);
    let mut bytes = 0;
    let fits = events.iter().take_while(|event| {
        bytes += event.message.len();
        bytes <= request.max_bytes
    });
    let count = fits.count().max(1);
    events.truncate(count);
}
