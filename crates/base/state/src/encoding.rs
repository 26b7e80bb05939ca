//! Rows as bytes: the CBOR array `[version, record]`, which any CBOR tool can read.

use std::io;

use crate::error::StateError;
use crate::record::Record;

const ARRAY_OF_TWO: u8 = 0x82;
/// Room for names of fields and variants; text that is kept is read into its own. ciborium's own 4 KiB are cleared for each
/// row, which takes longer than reading a small one.
const SCRATCH_BYTES: usize = 512;

pub(crate) fn encode<R: Record>(record: &R) -> Result<Vec<u8>, StateError> {
    let mut bytes = Vec::with_capacity(256);
    write(record, &mut bytes)?;
    Ok(bytes)
}

/// The record, upgraded if an older binary wrote it.
pub(crate) fn decode<R: Record>(key: &str, bytes: &[u8]) -> Result<R, StateError> {
    let failed = |reason: String| StateError::Decode {
        table: R::TABLE,
        key: key.to_owned(),
        reason,
    };
    let Some((&ARRAY_OF_TWO, mut rest)) = bytes.split_first() else {
        return Err(failed("it is not [version, record]".to_owned()));
    };
    let mut scratch = [0; SCRATCH_BYTES];
    let version: u32 = ciborium::de::from_reader_with_buffer(&mut rest, &mut scratch)
        .map_err(|error| failed(error.to_string()))?;
    if version == R::VERSION {
        return ciborium::de::from_reader_with_buffer(&mut rest, &mut scratch)
            .map_err(|error| failed(error.to_string()));
    }
    if version > R::VERSION {
        return Err(StateError::Version {
            table: R::TABLE,
            found: version,
            known: R::VERSION,
        });
    }
    let value = ciborium::from_reader(&mut rest).map_err(|error| failed(error.to_string()))?;
    R::upgrade(version, value)?
        .deserialized()
        .map_err(|error| failed(error.to_string()))
}

fn write<R: Record>(record: &R, out: &mut impl io::Write) -> Result<(), StateError> {
    let failed = |reason: String| StateError::Encode {
        table: R::TABLE,
        key: record.key(),
        reason,
    };
    out.write_all(&[ARRAY_OF_TWO])
        .map_err(|error| failed(error.to_string()))?;
    ciborium::into_writer(&R::VERSION, &mut *out).map_err(|error| failed(error.to_string()))?;
    ciborium::into_writer(record, &mut *out).map_err(|error| failed(error.to_string()))
}
