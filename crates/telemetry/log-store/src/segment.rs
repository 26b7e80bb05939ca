//! Blocks of a stream's events in segment files: a header that says which times are inside, then zstd.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zstd::bulk::Decompressor;

use crate::codec::{Taker, checksum, put_i64, put_text, put_u32, put_u64};
use crate::error::LogStoreError;
use crate::stream::Event;

const HEADER_BYTES: usize = 40;
const COMPRESSION_LEVEL: i32 = 1;

/// Where a stream's files end: everything before it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    pub segment: u64,
    pub length: u64,
}

/// A block, without its content.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub path: PathBuf,
    pub segment: u64,
    pub offset: u64,
    pub compressed_bytes: u32,
    pub raw_bytes: u32,
    pub checksum: u32,
    pub count: u32,
    pub first_sequence: u64,
    pub first_time: i64,
    pub last_time: i64,
}

pub(crate) fn segment_path(directory: &Path, segment: u64) -> PathBuf {
    directory.join(format!("{segment:08}.seg"))
}

/// Writes the events as one block at the end; returns its length. Not synced: the journal still has the events.
pub(crate) fn write_block(
    directory: &Path,
    position: Position,
    events: &[Event],
) -> Result<u64, LogStoreError> {
    let path = segment_path(directory, position.segment);
    let block = encode(events).map_err(LogStoreError::file(&path))?;
    let write = || {
        fs::create_dir_all(directory)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        file.write_all_at(&block, position.length)
    };
    write().map_err(LogStoreError::file(&path))?;
    Ok(block.len() as u64)
}

pub(crate) fn sync(directory: &Path, segment: u64) -> Result<(), LogStoreError> {
    let path = segment_path(directory, segment);
    File::open(&path)
        .and_then(|file| file.sync_all())
        .map_err(LogStoreError::file(&path))?;
    crate::journal::sync_directory(directory)
}

/// Makes the files end at `position`: what lies beyond is in the journal.
pub(crate) fn cut(directory: &Path, position: Position) -> Result<(), LogStoreError> {
    for segment in segments(directory)? {
        let path = segment_path(directory, segment);
        let cut = || {
            if segment > position.segment || position.length == 0 && segment == position.segment {
                return fs::remove_file(&path);
            }
            if segment == position.segment {
                return OpenOptions::new()
                    .write(true)
                    .open(&path)?
                    .set_len(position.length);
            }
            Ok(())
        };
        cut().map_err(LogStoreError::file(&path))?;
    }
    Ok(())
}

/// Numbers of the segments that are there, in order.
pub(crate) fn segments(directory: &Path) -> Result<Vec<u64>, LogStoreError> {
    let files = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(LogStoreError::file(directory))?,
    };
    let mut numbers = Vec::new();
    for file in files {
        let name = file.map_err(LogStoreError::file(directory))?.file_name();
        let name = name.to_string_lossy();
        numbers.extend(
            name.strip_suffix(".seg")
                .and_then(|it| it.parse::<u64>().ok()),
        );
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The headers of all blocks up to `end`. A segment that goes away meanwhile (too old) is passed over.
pub(crate) fn blocks(directory: &Path, end: Position) -> Result<Vec<Block>, LogStoreError> {
    let mut blocks = Vec::new();
    for segment in segments(directory)? {
        if segment > end.segment {
            break;
        }
        let path = segment_path(directory, segment);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(LogStoreError::file(&path))?,
        };
        let length = if segment == end.segment {
            end.length
        } else {
            file.metadata().map_err(LogStoreError::file(&path))?.len()
        };
        let mut offset = 0;
        while offset < length {
            let block = read_header(&file, &path, segment, offset)?;
            offset += HEADER_BYTES as u64 + u64::from(block.compressed_bytes);
            blocks.push(block);
        }
    }
    Ok(blocks)
}

impl Block {
    /// `None` when the segment has gone meanwhile.
    pub fn read(&self) -> Result<Option<Vec<Event>>, LogStoreError> {
        let Some(raw) = self.read_raw()? else {
            return Ok(None);
        };
        let mut events = Vec::with_capacity(self.count as usize);
        self.for_each(&raw, |event| events.push(event.to_event()))?;
        Ok(Some(events))
    }

    /// The content for [`Block::for_each`]; `None` when the segment has gone meanwhile.
    pub fn read_raw(&self) -> Result<Option<Vec<u8>>, LogStoreError> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(LogStoreError::file(&self.path))?,
        };
        let mut compressed = vec![0; self.compressed_bytes as usize];
        file.read_exact_at(&mut compressed, self.offset + HEADER_BYTES as u64)
            .map_err(LogStoreError::file(&self.path))?;
        if checksum(&compressed) != self.checksum {
            return Err(self.damaged("its checksum does not fit"));
        }
        decompress(&compressed, self.raw_bytes as usize)
            .map(Some)
            .map_err(|error| self.damaged(&error.to_string()))
    }

    /// Events in order of arrival.
    pub fn for_each<'a>(
        &self,
        raw: &'a [u8],
        mut visit: impl FnMut(EventRef<'a>),
    ) -> Result<(), LogStoreError> {
        let mut taker = Taker(raw);
        for index in 0..u64::from(self.count) {
            let mut take = || {
                Ok(EventRef {
                    timestamp: taker.i64()?,
                    ingestion_time: taker.i64()?,
                    sequence: self.first_sequence + index,
                    message: taker.text()?,
                })
            };
            visit(
                take()
                    .map_err(|error: crate::codec::Malformed| self.damaged(&error.to_string()))?,
            );
        }
        Ok(())
    }

    fn damaged(&self, reason: &str) -> LogStoreError {
        let reason = format!("the block at byte {}: {reason}", self.offset);
        LogStoreError::damaged(&self.path, reason)
    }
}

thread_local! {
    /// A search decompresses thousands of blocks: each would make one of these and let it go.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn decompress(compressed: &[u8], raw_bytes: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new()?),
        };
        decompressor.decompress(compressed, raw_bytes)
    })
}

/// An event where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventRef<'a> {
    pub timestamp: i64,
    pub ingestion_time: i64,
    pub sequence: u64,
    pub message: &'a str,
}

impl EventRef<'_> {
    pub fn to_event(self) -> Event {
        Event {
            timestamp: self.timestamp,
            ingestion_time: self.ingestion_time,
            sequence: self.sequence,
            message: self.message.into(),
        }
    }
}

fn encode(events: &[Event]) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    for event in events {
        put_i64(&mut raw, event.timestamp);
        put_i64(&mut raw, event.ingestion_time);
        put_text(&mut raw, &event.message);
    }
    let compressed = zstd::bulk::compress(&raw, COMPRESSION_LEVEL)?;
    let times = events.iter().map(|event| event.timestamp);
    let mut block = Vec::with_capacity(HEADER_BYTES + compressed.len());
    put_u32(&mut block, compressed.len() as u32);
    put_u32(&mut block, raw.len() as u32);
    put_u32(&mut block, checksum(&compressed));
    put_u32(&mut block, events.len() as u32);
    let first = events.first().map_or(0, |event| event.sequence);
    put_u64(&mut block, first);
    put_i64(&mut block, times.clone().min().unwrap_or_default());
    put_i64(&mut block, times.max().unwrap_or_default());
    block.extend_from_slice(&compressed);
    Ok(block)
}

fn read_header(
    file: &File,
    path: &Path,
    segment: u64,
    offset: u64,
) -> Result<Block, LogStoreError> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, offset)
        .map_err(LogStoreError::file(path))?;
    let mut taker = Taker(&header);
    let mut parse = || {
        Ok(Block {
            path: path.to_owned(),
            segment,
            offset,
            compressed_bytes: taker.u32()?,
            raw_bytes: taker.u32()?,
            checksum: taker.u32()?,
            count: taker.u32()?,
            first_sequence: taker.u64()?,
            first_time: taker.i64()?,
            last_time: taker.i64()?,
        })
    };
    parse().map_err(|error: crate::codec::Malformed| LogStoreError::damaged(path, error))
}
