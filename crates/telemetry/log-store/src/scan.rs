//! Every event of a time range, in no order: what a query looks at.

use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::memmem::Finder;

use crate::error::LogStoreError;
use crate::search::SearchCursor;
use crate::segment::EventRef;
use crate::stream::Stream;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanRequest {
    /// Inclusive.
    pub start: i64,
    /// Exclusive.
    pub end: i64,
    /// Only messages that hold it are of interest; others may come too.
    pub needle: Option<String>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scan {
    pub events: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned<'a> {
    pub stream: &'a str,
    pub place: SearchCursor,
    pub timestamp: i64,
    pub ingestion_time: i64,
    pub message: &'a str,
}

pub(crate) fn scan(
    streams: &[Arc<Stream>],
    request: &ScanRequest,
    mut visit: impl FnMut(Scanned<'_>) -> ControlFlow<()>,
) -> Result<Scan, LogStoreError> {
    let finder = request.needle.as_ref().map(|it| Finder::new(it.as_bytes()));
    let mut scan = Scan::default();
    for stream in streams {
        let mut is_over = false;
        let mut look_at = |event: EventRef<'_>| {
            if is_over || !(request.start..request.end).contains(&event.timestamp) {
                return is_over;
            }
            scan.events += 1;
            scan.bytes += event.message.len() as u64;
            let scanned = Scanned {
                stream: &stream.name,
                place: SearchCursor {
                    timestamp: event.timestamp,
                    stream_id: stream.id,
                    sequence: event.sequence,
                },
                timestamp: event.timestamp,
                ingestion_time: event.ingestion_time,
                message: event.message,
            };
            is_over = visit(scanned).is_break();
            is_over
        };
        let times = stream.times();
        if times.last_event.is_none_or(|last| last < request.start) {
            continue;
        }
        let view = stream.view();
        for block in view.blocks()? {
            if block.last_time < request.start || block.first_time >= request.end {
                continue;
            }
            let Some(raw) = block.read_raw()? else {
                continue;
            };
            if finder.as_ref().is_some_and(|it| it.find(&raw).is_none()) {
                continue;
            }
            let mut is_over = false;
            block.for_each(&raw, |event| is_over = look_at(event))?;
            if is_over {
                return Ok(scan);
            }
        }
        for event in &view.tail {
            let is_over = look_at(EventRef {
                timestamp: event.timestamp,
                ingestion_time: event.ingestion_time,
                sequence: event.sequence,
                message: &event.message,
            });
            if is_over {
                return Ok(scan);
            }
        }
    }
    Ok(scan)
}
