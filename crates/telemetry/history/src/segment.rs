//! The form of a segment file: a mark, then entries.
//!
//! An entry is `length u32 | checksum u32 | body`, its body `at i64 | key length u16 | key | payload`, all little
//! endian. The length is the body's; the checksum is of the length and the body.

use std::path::Path;
use std::sync::Arc;

use clock::UnixMillis;

use crate::checksum::crc32c;
use crate::index::{Location, take};
use crate::{Entry, HistoryError};

pub(crate) const MAGIC: &[u8; 8] = b"GANTRYH1";

/// What an entry takes besides its key and payload.
const OVERHEAD_BYTES: usize = 4 + 4 + 8 + 2;

/// Where the good entries of a file end, and the entries.
pub(crate) struct Scan {
    pub(crate) end: u64,
    pub(crate) entries: Vec<(Arc<str>, Location)>,
}

pub(crate) fn check_size(entry: &Entry) -> Result<(), HistoryError> {
    let bytes = encoded_length(entry);
    let fits = bytes <= limits::HISTORY_ENTRY_BYTES && entry.key.len() <= limits::HISTORY_KEY_BYTES;
    if fits {
        Ok(())
    } else {
        Err(HistoryError::TooLarge {
            key: entry.key.clone(),
            bytes,
        })
    }
}

pub(crate) fn encoded_length(entry: &Entry) -> usize {
    OVERHEAD_BYTES + entry.key.len() + entry.payload.len()
}

/// The entry's bytes. Its sizes were checked.
pub(crate) fn encode(entry: &Entry) -> Vec<u8> {
    let length = encoded_length(entry);
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&((length - 8) as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&entry.at.as_millis().to_le_bytes());
    bytes.extend_from_slice(&(entry.key.len() as u16).to_le_bytes());
    bytes.extend_from_slice(entry.key.as_bytes());
    bytes.extend_from_slice(&entry.payload);
    let checksum = crc32c(&[&bytes[..4], &bytes[8..]]);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The checksum of an encoded entry.
pub(crate) fn checksum(encoded: &[u8]) -> u32 {
    u32::from_le_bytes([encoded[4], encoded[5], encoded[6], encoded[7]])
}

/// The first entry of the bytes and its length, if it is whole and good.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Entry, usize)> {
    let mut rest = bytes;
    let length_bytes: &[u8; 4] = take(&mut rest)?;
    let checksum = u32::from_le_bytes(*take(&mut rest)?);
    let length = usize::try_from(u32::from_le_bytes(*length_bytes)).ok()?;
    let body = rest.get(..length)?;
    if crc32c(&[length_bytes, body]) != checksum {
        return None;
    }
    let mut rest = body;
    let at = UnixMillis(i64::from_le_bytes(*take(&mut rest)?));
    let key_length = usize::from(u16::from_le_bytes(*take(&mut rest)?));
    let (key, payload) = rest.split_at_checked(key_length)?;
    let key = std::str::from_utf8(key).ok()?.to_owned();
    Some((
        Entry {
            key,
            at,
            payload: payload.to_vec(),
        },
        8 + length,
    ))
}

/// All good entries from the start of a file; none if it is not a segment.
pub(crate) fn scan(segment: u32, bytes: &[u8]) -> Option<Scan> {
    if !bytes.starts_with(MAGIC) {
        return None;
    }
    let mut end = MAGIC.len();
    let mut entries = Vec::new();
    while let Some((entry, length)) = decode(&bytes[end..]) {
        let checksum = checksum(&bytes[end..]);
        let location = Location {
            segment,
            offset: end as u32,
            length: length as u32,
            checksum,
            at: entry.at,
        };
        entries.push((Arc::from(entry.key), location));
        end += length;
    }
    Some(Scan {
        end: end as u64,
        entries,
    })
}

pub(crate) fn io_error(path: &Path, error: &std::io::Error) -> HistoryError {
    HistoryError::Io {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_read_back_and_no_cut_or_flip_is_taken_for_one(
            key in ".{0,20}", at in any::<i64>(), payload in proptest::collection::vec(any::<u8>(), 0..100),
            place in any::<proptest::sample::Index>(), bit in 0..8_u8,
        ) {
            let entry = Entry { key, at: UnixMillis(at), payload };
            let bytes = encode(&entry);
            prop_assert_eq!(decode(&bytes), Some((entry, bytes.len())));
            prop_assert_eq!(decode(&bytes[..place.index(bytes.len())]), None);
            let mut flipped = bytes;
            let place = place.index(flipped.len());
            flipped[place] ^= 1 << bit;
            prop_assert_eq!(decode(&flipped), None);
        }
    }
}
