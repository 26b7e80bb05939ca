//! The bytes of log files. Numbers are little-endian, entries start at multiples of eight bytes.
//!
//! ```text
//! log      = header entry* zeros
//! header   = "GANTRYL1" salt:u32 start_revision:u64 fence:u64 crc:u32
//! entry    = "ENTR" length:u32 crc:u32 kind:u32 payload padding
//! payload  = fence:u64                                      (kind 2: a new leader)
//!          | fence:u64 first:u64 batches:u32 batch*         (kind 1: a group, whole or not at all)
//! batch    = writes:u32 (table_length:u16 table key_length:u32 key present:u8 [length:u32 value])*
//! ```
//!
//! Checksums start from the file's salt, so that bytes of an earlier file, or bytes that a user stored, are no entry.

use std::borrow::Cow;
use std::sync::Arc;

use flate2::Crc;
use state::{Batch, Fence, Revision, Write};

pub(crate) const HEADER_BYTES: usize = 32;
pub(crate) const ENTRY_HEADER_BYTES: usize = 16;
pub(crate) const ALIGNMENT: usize = 8;

const LOG_MAGIC: &[u8; 8] = b"GANTRYL1";
const ENTRY_MAGIC: &[u8; 4] = b"ENTR";
const KIND_GROUP: u32 = 1;
const KIND_FENCE: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogHeader {
    pub(crate) salt: u32,
    /// What the state was at before the first entry.
    pub(crate) start: Revision,
    pub(crate) fence: Fence,
}

pub(crate) enum Entry {
    Group { fence: Fence, batches: Vec<Batch> },
    Fence(Fence),
}

/// What stands at some place of a log file.
pub(crate) enum Found {
    Entry {
        entry: Entry,
        next: usize,
    },
    /// No whole entry starts here.
    Nothing,
    /// The checksum is right and the content is not: not a torn write, but a layout that this binary does not know.
    Unknown(&'static str),
}

impl LogHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = LOG_MAGIC.to_vec();
        bytes.extend(self.salt.to_le_bytes());
        bytes.extend(self.start.to_le_bytes());
        bytes.extend(self.fence.0.to_le_bytes());
        let crc = checksum(0, &bytes);
        bytes.extend(crc.to_le_bytes());
        bytes
    }

    /// None if it was never written whole.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let (content, crc) = bytes.split_at(HEADER_BYTES - 4);
        let mut reader = Bytes(content);
        let is_whole = reader.take(8)? == LOG_MAGIC && crc == checksum(0, content).to_le_bytes();
        is_whole.then_some(())?;
        Some(Self {
            salt: reader.u32()?,
            start: reader.u64()?,
            fence: Fence(reader.u64()?),
        })
    }
}

/// Replaces the buffer with the entry of a group.
pub(crate) fn encode_group(buffer: &mut Vec<u8>, salt: u32, fence: Fence, group: &[Batch]) {
    begin(buffer);
    buffer.extend(fence.0.to_le_bytes());
    buffer.extend(
        group
            .first()
            .map_or(0, |batch| batch.revision)
            .to_le_bytes(),
    );
    buffer.extend((group.len() as u32).to_le_bytes());
    for batch in group {
        buffer.extend((batch.writes.len() as u32).to_le_bytes());
        for write in &batch.writes {
            put_row(buffer, &write.table, &write.key);
            match &write.value {
                None => buffer.push(0),
                Some(value) => {
                    buffer.push(1);
                    buffer.extend((value.len() as u32).to_le_bytes());
                    buffer.extend(value);
                }
            }
        }
    }
    finish(buffer, salt, KIND_GROUP);
}

/// Replaces the buffer with the entry of a new leader.
pub(crate) fn encode_fence(buffer: &mut Vec<u8>, salt: u32, fence: Fence) {
    begin(buffer);
    buffer.extend(fence.0.to_le_bytes());
    finish(buffer, salt, KIND_FENCE);
}

/// What starts at `offset`.
pub(crate) fn read_entry(log: &[u8], offset: usize, salt: u32) -> Found {
    let Some((kind, payload)) = whole_entry(log, offset, salt) else {
        return Found::Nothing;
    };
    let entry = match kind {
        KIND_GROUP => read_group(payload),
        KIND_FENCE => Bytes(payload).u64().map(|fence| Entry::Fence(Fence(fence))),
        _ => return Found::Unknown("an entry of a kind that this binary does not know"),
    };
    match entry {
        Some(entry) => Found::Entry {
            entry,
            next: offset + ENTRY_HEADER_BYTES + payload.len().next_multiple_of(ALIGNMENT),
        },
        None => Found::Unknown("an entry that this binary cannot read"),
    }
}

/// Where a whole entry starts, at `offset` or later.
pub(crate) fn find_entry(log: &[u8], offset: usize, salt: u32) -> Option<usize> {
    (offset..log.len())
        .step_by(ALIGNMENT)
        .find(|offset| whole_entry(log, *offset, salt).is_some())
}

pub(crate) fn put_row(buffer: &mut Vec<u8>, table: &str, key: &str) {
    buffer.extend((table.len() as u16).to_le_bytes());
    buffer.extend(table.as_bytes());
    buffer.extend((key.len() as u32).to_le_bytes());
    buffer.extend(key.as_bytes());
}

pub(crate) fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&salt.to_le_bytes());
    crc.update(bytes);
    crc.sum()
}

/// Reads from the front of a slice; none when it ends too early.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// Table and key.
    pub(crate) fn row(&mut self) -> Option<(&'a str, &'a str)> {
        let table = usize::from(u16::from_le_bytes(self.take(2)?.try_into().ok()?));
        let table = std::str::from_utf8(self.take(table)?).ok()?;
        let key = self.u32()? as usize;
        Some((table, std::str::from_utf8(self.take(key)?).ok()?))
    }

    pub(crate) fn value(&mut self) -> Option<Vec<u8>> {
        let length = self.u32()? as usize;
        self.take(length).map(<[u8]>::to_vec)
    }
}

fn begin(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(ENTRY_HEADER_BYTES, 0);
}

fn finish(buffer: &mut Vec<u8>, salt: u32, kind: u32) {
    let length = (buffer.len() - ENTRY_HEADER_BYTES) as u32;
    buffer[..4].copy_from_slice(ENTRY_MAGIC);
    buffer[4..8].copy_from_slice(&length.to_le_bytes());
    buffer[12..16].copy_from_slice(&kind.to_le_bytes());
    let crc = checksum(salt, &buffer[12..]);
    buffer[8..12].copy_from_slice(&crc.to_le_bytes());
    buffer.resize(buffer.len().next_multiple_of(ALIGNMENT), 0);
}

fn whole_entry(log: &[u8], offset: usize, salt: u32) -> Option<(u32, &[u8])> {
    let mut header = Bytes(log.get(offset..)?);
    let is_entry = header.take(4)? == ENTRY_MAGIC;
    is_entry.then_some(())?;
    let length = header.u32()? as usize;
    let crc = header.u32()?;
    let summed = header.0.get(..4usize.checked_add(length)?)?;
    (checksum(salt, summed) == crc).then_some(())?;
    Some((header.u32()?, header.take(length)?))
}

fn read_group(payload: &[u8]) -> Option<Entry> {
    let mut reader = Bytes(payload);
    let fence = Fence(reader.u64()?);
    let first = reader.u64()?;
    let count = u64::from(reader.u32()?);
    let mut batches = Vec::new();
    for revision in first..first.checked_add(count)? {
        let mut writes = Vec::new();
        for _ in 0..reader.u32()? {
            let (table, key) = reader.row()?;
            let value = match reader.take(1)? {
                [0] => None,
                _ => Some(reader.value()?),
            };
            writes.push(Write {
                table: Cow::Owned(table.to_owned()),
                key: Arc::from(key),
                value,
            });
        }
        batches.push(Batch { revision, writes });
    }
    Some(Entry::Group { fence, batches })
}
