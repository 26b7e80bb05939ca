//! Where each entry lies: in memory, by key and by time; and beside each sealed segment, as a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clock::UnixMillis;

use crate::checksum::crc32c;
use crate::{HistoryError, Order, Query, segment};

const MAGIC: &[u8; 8] = b"GANTRYX1";

/// Where an entry lies, and enough of it to know it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    pub(crate) checksum: u32,
    pub(crate) at: UnixMillis,
}

/// An open segment file and the time of its newest entry.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) file: Arc<File>,
    pub(crate) newest: UnixMillis,
}

#[derive(Default)]
pub(crate) struct Index {
    entries: BTreeMap<Arc<str>, Location>,
    by_time: BTreeSet<(UnixMillis, Arc<str>)>,
    pub(crate) segments: BTreeMap<u32, Segment>,
    /// The greatest id so far: ids are not used again, or a slow reader could meet another segment under its id.
    pub(crate) newest_segment: u32,
}

impl Index {
    pub(crate) fn get(&self, key: &str) -> Option<Location> {
        self.entries.get(key).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Walks through time from one end (or the end of the last page) to the other.
    pub(crate) fn list(&self, query: &Query<'_>) -> Vec<(String, Location)> {
        let mut start = Bound::Included((query.since, Arc::from("")));
        let mut end = match query.until.filter(|until| *until < UnixMillis(i64::MAX)) {
            Some(until) => Bound::Excluded((until + Duration::from_millis(1), Arc::from(""))),
            None => Bound::Unbounded,
        };
        if let Some((at, key)) = query.after {
            let after = (at, Arc::from(key));
            let is_before = at < query.since;
            let is_behind = query.until.is_some_and(|until| at > until);
            match query.order {
                Order::NewestFirst if is_before => return Vec::new(),
                Order::OldestFirst if is_behind => return Vec::new(),
                Order::NewestFirst if !is_behind => end = Bound::Excluded(after),
                Order::OldestFirst if !is_before => start = Bound::Excluded(after),
                _ => {}
            }
        }
        // The range of an end before its start would panic.
        if query.until.is_some_and(|until| until < query.since) {
            return Vec::new();
        }
        let mut range = self.by_time.range((start, end));
        let next = || match query.order {
            Order::NewestFirst => range.next_back(),
            Order::OldestFirst => range.next(),
        };
        std::iter::from_fn(next)
            .filter(|(_, key)| key.starts_with(query.prefix))
            .take(query.limit)
            .map(|(_, key)| (key.to_string(), self.entries[key]))
            .collect()
    }

    pub(crate) fn add_segment(&mut self, id: u32, file: Arc<File>) {
        self.newest_segment = self.newest_segment.max(id);
        self.segments.insert(
            id,
            Segment {
                file,
                newest: UnixMillis(i64::MIN),
            },
        );
    }

    /// A later entry takes the place of one with the same key.
    pub(crate) fn insert(&mut self, key: Arc<str>, location: Location) {
        if let Some(segment) = self.segments.get_mut(&location.segment) {
            segment.newest = segment.newest.max(location.at);
        }
        if let Some(replaced) = self.entries.insert(key.clone(), location) {
            self.by_time.remove(&(replaced.at, key.clone()));
        }
        self.by_time.insert((location.at, key));
    }

    /// Forgets a segment and what still lies in it; answers how many entries that were.
    pub(crate) fn remove_segment(&mut self, id: u32) -> usize {
        let Some(segment) = self.segments.remove(&id) else {
            return 0;
        };
        let up_to_newest = ..(segment.newest + Duration::from_millis(1), Arc::from(""));
        let lies_there = |key: &Arc<str>| {
            self.entries
                .get(key)
                .is_some_and(|location| location.segment == id)
        };
        let gone: Vec<_> = self
            .by_time
            .range(up_to_newest)
            .filter(|(_, key)| lies_there(key))
            .cloned()
            .collect();
        for entry in &gone {
            self.entries.remove(&entry.1);
            self.by_time.remove(entry);
        }
        gone.len()
    }
}

/// Writes the index of a sealed segment of `segment_bytes`. It can always be made again from the segment, so it is not
/// waited for.
pub(crate) fn write_file(
    path: &Path,
    segment_bytes: u64,
    entries: &[(Arc<str>, Location)],
) -> Result<(), HistoryError> {
    let mut body = Vec::with_capacity(entries.len() * 96);
    body.extend_from_slice(&segment_bytes.to_le_bytes());
    for (key, location) in entries {
        body.extend_from_slice(&location.offset.to_le_bytes());
        body.extend_from_slice(&location.length.to_le_bytes());
        body.extend_from_slice(&location.checksum.to_le_bytes());
        body.extend_from_slice(&location.at.as_millis().to_le_bytes());
        body.extend_from_slice(&(key.len() as u16).to_le_bytes());
        body.extend_from_slice(key.as_bytes());
    }
    let bytes = [MAGIC.as_slice(), &crc32c(&[&body]).to_le_bytes(), &body].concat();
    let unfinished = path.with_extension("idx-unfinished");
    let written =
        std::fs::write(&unfinished, bytes).and_then(|()| std::fs::rename(&unfinished, path));
    written.map_err(|error| segment::io_error(path, &error))
}

/// The index of a sealed segment, if the file is there, whole, and of a segment of that size.
pub(crate) fn read_file(
    path: &Path,
    segment: u32,
    segment_bytes: u64,
) -> Option<Vec<(Arc<str>, Location)>> {
    let bytes = std::fs::read(path).ok()?;
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let checksum = u32::from_le_bytes(*take(&mut rest)?);
    if crc32c(&[rest]) != checksum || u64::from_le_bytes(*take(&mut rest)?) != segment_bytes {
        return None;
    }
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let location = Location {
            segment,
            offset: u32::from_le_bytes(*take(&mut rest)?),
            length: u32::from_le_bytes(*take(&mut rest)?),
            checksum: u32::from_le_bytes(*take(&mut rest)?),
            at: UnixMillis(i64::from_le_bytes(*take(&mut rest)?)),
        };
        let key_length = usize::from(u16::from_le_bytes(*take(&mut rest)?));
        let (key, after) = rest.split_at_checked(key_length)?;
        rest = after;
        entries.push((Arc::from(std::str::from_utf8(key).ok()?), location));
    }
    Some(entries)
}

pub(crate) fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}
