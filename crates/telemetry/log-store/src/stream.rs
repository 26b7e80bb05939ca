//! One stream: its newest events in memory, the rest in segment files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use limits::{LOG_BLOCK_BYTES, LOG_SEGMENT_BYTES, LOG_STREAM_SEGMENTS};

use crate::error::LogStoreError;
use crate::segment::{self, Block, Position};

/// A log event as it was taken in. `sequence` counts the events of the stream from 0, in order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub timestamp: i64,
    pub ingestion_time: i64,
    pub sequence: u64,
    pub message: Arc<str>,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub id: u64,
    pub group_id: u64,
    pub name: String,
    pub created_at: i64,
    pub directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Times {
    pub first_event: Option<i64>,
    pub last_event: Option<i64>,
    pub last_ingestion: Option<i64>,
}

/// How much of a stream is synced in segment files, and needs no journal any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Folded {
    pub position: Position,
    pub sequence: u64,
}

#[derive(Debug, Default)]
struct State {
    times: Times,
    next_sequence: u64,
    /// Events that are in no segment yet, in order of arrival.
    tail: Vec<Event>,
    tail_bytes: usize,
    position: Position,
    folded: Folded,
    is_dirty: bool,
    is_deleted: bool,
}

/// What a reader needs: it reads without holding the stream up.
pub(crate) struct View {
    pub directory: PathBuf,
    pub end: Position,
    pub tail: Vec<Event>,
}

impl Stream {
    pub fn new(root: &Path, id: u64, group_id: u64, name: String, created_at: i64) -> Self {
        Self {
            id,
            group_id,
            name,
            created_at,
            directory: root.join(format!("streams/{:02x}/{id:x}", id % 256)),
            state: Mutex::default(),
        }
    }

    /// As the catalogue had it.
    pub fn restore(self, times: Times, folded: Folded) -> Self {
        *self.lock() = State {
            times,
            folded,
            next_sequence: folded.sequence,
            position: folded.position,
            ..State::default()
        };
        self
    }

    pub fn times(&self) -> Times {
        self.lock().times
    }

    pub fn folded(&self) -> Folded {
        self.lock().folded
    }

    pub fn next_sequence(&self) -> u64 {
        self.lock().next_sequence
    }

    /// Bytes in memory and, as an estimate, in segment files.
    pub fn stored_bytes(&self) -> u64 {
        let state = self.lock();
        let whole = state.position.segment.min(LOG_STREAM_SEGMENTS) * LOG_SEGMENT_BYTES;
        whole + state.position.length + state.tail_bytes as u64
    }

    pub fn view(&self) -> View {
        let state = self.lock();
        View {
            directory: self.directory.clone(),
            end: state.position,
            tail: state.tail.clone(),
        }
    }

    /// Events from `sequence` on, in order of arrival; of too many the newest, by about so many bytes.
    pub fn since(&self, sequence: u64, max_bytes: usize) -> Result<Vec<Event>, LogStoreError> {
        let view = self.view();
        let mut bytes: usize = view.tail.iter().map(|event| event.message.len()).sum();
        let mut events: Vec<Event> = view.tail.clone();
        let is_whole = |events: &[Event]| events.first().is_some_and(|it| it.sequence <= sequence);
        if !is_whole(&events) {
            for block in view.blocks()?.into_iter().rev() {
                if block.first_sequence + u64::from(block.count) <= sequence || bytes >= max_bytes {
                    break;
                }
                bytes += block.raw_bytes as usize;
                events.extend(block.read()?.unwrap_or_default());
            }
        }
        events.retain(|event| event.sequence >= sequence);
        events.sort_by_key(|event| event.sequence);
        Ok(events)
    }

    /// Takes in what the journal has. `first_sequence` below what is known means a replay of what is folded already.
    pub fn append(
        &self,
        first_sequence: u64,
        ingestion_time: i64,
        events: Vec<(i64, Arc<str>)>,
    ) -> Result<(), LogStoreError> {
        let mut state = self.lock();
        for (sequence, (timestamp, message)) in (first_sequence..).zip(events) {
            if sequence < state.next_sequence {
                continue;
            }
            state.next_sequence = sequence + 1;
            let times = &mut state.times;
            let first = times.first_event.get_or_insert(timestamp);
            *first = timestamp.min(*first);
            let last = times.last_event.get_or_insert(timestamp);
            *last = timestamp.max(*last);
            times.last_ingestion = Some(ingestion_time);
            state.tail_bytes += message.len();
            state.tail.push(Event {
                timestamp,
                ingestion_time,
                sequence,
                message,
            });
        }
        if state.tail_bytes >= LOG_BLOCK_BYTES {
            self.flush(&mut state)?;
        }
        Ok(())
    }

    /// Before a replay: the files end where the catalogue says.
    pub fn cut_to_folded(&self) -> Result<(), LogStoreError> {
        segment::cut(&self.directory, self.folded().position)
    }

    /// Everything into synced segment files.
    pub fn fold(&self) -> Result<(), LogStoreError> {
        self.fold_locked(&mut self.lock())
    }

    fn fold_locked(&self, state: &mut State) -> Result<(), LogStoreError> {
        if state.is_deleted {
            return Ok(());
        }
        self.flush(state)?;
        if state.is_dirty && state.position.length > 0 {
            segment::sync(&self.directory, state.position.segment)?;
        }
        state.is_dirty = false;
        state.folded = Folded {
            position: state.position,
            sequence: state.next_sequence,
        };
        Ok(())
    }

    /// Numbers of the segments that hold nothing from `keeps_from` on, and that nothing is written to any more, as
    /// soon as the catalogue is saved.
    pub fn begin_expiry(&self, keeps_from: i64) -> Result<Vec<u64>, LogStoreError> {
        let mut state = self.lock();
        if state.is_deleted || state.times.first_event.is_none_or(|it| it >= keeps_from) {
            return Ok(Vec::new());
        }
        let blocks = segment::blocks(&self.directory, state.position)?;
        let is_kept = |number: u64| {
            let mut blocks = blocks.iter().filter(|block| block.segment == number);
            blocks.any(|block| block.last_time >= keeps_from)
        };
        if state.position.length > 0 && state.tail.is_empty() && !is_kept(state.position.segment) {
            self.fold_locked(&mut state)?;
            state.position = Position {
                segment: state.position.segment + 1,
                length: 0,
            };
            state.folded.position = state.position;
        }
        let end = state.folded.position.segment;
        let mut segments: Vec<u64> = blocks.iter().map(|block| block.segment).collect();
        segments.dedup();
        segments.retain(|number| *number < end && !is_kept(*number));
        let left = blocks.iter().filter(|it| !segments.contains(&it.segment));
        let tail = state.tail.iter().map(|event| event.timestamp);
        state.times.first_event = left.map(|block| block.first_time).chain(tail).min();
        Ok(segments)
    }

    pub fn remove_segments(&self, segments: &[u64]) -> Result<(), LogStoreError> {
        for number in segments {
            let path = segment::segment_path(&self.directory, *number);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(LogStoreError::file(&path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// From here on nothing of the stream is written any more.
    pub fn remove_files(&self) -> Result<(), LogStoreError> {
        self.lock().is_deleted = true;
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(LogStoreError::file(&self.directory)(error))
            }
            _ => Ok(()),
        }
    }

    fn flush(&self, state: &mut State) -> Result<(), LogStoreError> {
        if state.tail.is_empty() || state.is_deleted {
            return Ok(());
        }
        let written = segment::write_block(&self.directory, state.position, &state.tail)?;
        state.position.length += written;
        state.tail.clear();
        state.tail.shrink_to(64);
        state.tail_bytes = 0;
        state.is_dirty = true;
        if state.position.length >= LOG_SEGMENT_BYTES {
            segment::sync(&self.directory, state.position.segment)?;
            state.position = Position {
                segment: state.position.segment + 1,
                length: 0,
            };
            self.drop_oldest(state.position.segment)?;
        }
        Ok(())
    }

    fn drop_oldest(&self, newest: u64) -> Result<(), LogStoreError> {
        for segment in segment::segments(&self.directory)? {
            if segment + LOG_STREAM_SEGMENTS <= newest {
                let path = segment::segment_path(&self.directory, segment);
                fs::remove_file(&path).map_err(LogStoreError::file(&path))?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    pub fn blocks(&self) -> Result<Vec<Block>, LogStoreError> {
        segment::blocks(&self.directory, self.end)
    }
}
