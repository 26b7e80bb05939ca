//! What has come into a group since one looked last, in order of arrival by stream: what a live tail follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use limits::LOG_ARRIVALS_BYTES;

use crate::error::LogStoreError;
use crate::stream::{Event, Stream};

/// How far each stream of a group was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Sequence of the next event by stream; streams that are not here are new.
    next: BTreeMap<u64, u64>,
}

impl Arrivals {
    /// Behind everything that is there.
    pub(crate) fn behind(streams: &[Arc<Stream>]) -> Self {
        let next = streams.iter().map(|it| (it.id, it.next_sequence()));
        Self {
            next: next.collect(),
        }
    }

    /// Nothing has come since.
    pub(crate) fn is_behind(&self, streams: &[Arc<Stream>]) -> bool {
        streams.iter().all(|stream| {
            let known = self.next.get(&stream.id).copied().unwrap_or(0);
            stream.next_sequence() <= known
        })
    }

    /// Events that are too many at once are passed over, the oldest first.
    pub(crate) fn take(
        &mut self,
        streams: &[Arc<Stream>],
    ) -> Result<Vec<(Arc<str>, Event)>, LogStoreError> {
        let mut arrived = Vec::new();
        let mut next = BTreeMap::new();
        for stream in streams {
            let known = self.next.get(&stream.id).copied().unwrap_or(0);
            let mut end = known;
            if stream.next_sequence() > known {
                let name: Arc<str> = Arc::from(stream.name.as_str());
                for event in stream.since(known, LOG_ARRIVALS_BYTES)? {
                    end = end.max(event.sequence + 1);
                    arrived.push((Arc::clone(&name), event));
                }
            }
            next.insert(stream.id, end);
        }
        self.next = next;
        Ok(arrived)
    }
}
