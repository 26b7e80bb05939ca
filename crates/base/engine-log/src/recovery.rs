//! What the files say at open: which count, where the log ends, and what a crash left to clear away.

use std::io::{self, Read};

use clock::Clock;
use state::{Fence, Revision};

use crate::disk::{Disk, DiskFile};
use crate::format::{Entry, Found, HEADER_BYTES, LogHeader, find_entry, read_entry};
use crate::snapshot::{SnapshotReader, damaged};

pub(crate) const FIRST_LOG: u64 = 1;
const UNFINISHED: &str = ".new";

/// The files of an engine, and where they end.
pub(crate) struct Files {
    /// 0 when there is none yet.
    pub(crate) snapshot: u64,
    pub(crate) snapshot_bytes: u64,
    /// Numbers and lengths of the logs since the snapshot, before the active one.
    pub(crate) closed: Vec<(u64, u64)>,
    pub(crate) active: Active,
    pub(crate) revision: Revision,
    pub(crate) fence: Fence,
}

/// The log that is written.
pub(crate) struct Active {
    pub(crate) number: u64,
    pub(crate) salt: u32,
    /// The state's revision before its first entry.
    pub(crate) start: Revision,
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) length: u64,
    /// The file's length: zeros that are on the disk already.
    pub(crate) reserved: u64,
}

struct Position {
    revision: Revision,
    fence: Fence,
}

pub(crate) fn log_name(number: u64) -> String {
    format!("log-{number:010}")
}

pub(crate) fn snapshot_name(number: u64) -> String {
    format!("snapshot-{number:010}")
}

pub(crate) fn unfinished_snapshot_name(number: u64) -> String {
    snapshot_name(number) + UNFINISHED
}

pub(crate) fn open(disk: &dyn Disk) -> io::Result<Files> {
    let names = disk.list()?;
    let numbers = |prefix: &str| -> Vec<u64> {
        let of_kind = names.iter().filter_map(|name| name.strip_prefix(prefix));
        let mut numbers: Vec<u64> = of_kind.filter_map(|number| number.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    };
    let snapshot = numbers("snapshot-").last().copied().unwrap_or(0);
    let first = snapshot.max(FIRST_LOG);
    let mut position = Position {
        revision: 0,
        fence: Fence(0),
    };
    let mut snapshot_bytes = 0;
    if snapshot > 0 {
        let name = snapshot_name(snapshot);
        let reader = disk.reader(&name).and_then(SnapshotReader::open);
        let reader = reader.map_err(|error| in_file(&name, &error))?;
        position = Position {
            revision: reader.revision,
            fence: reader.fence,
        };
        // Its size only says when the next one is due.
        snapshot_bytes = io::copy(&mut disk.reader(&name)?, &mut io::sink())?;
    }
    let mut logs = Vec::new();
    let present = numbers("log-")
        .into_iter()
        .filter(|number| *number >= first);
    for (number, expected) in present.zip(first..) {
        if number != expected {
            return Err(damaged(&format!("{} is missing", log_name(expected))));
        }
        let bytes = read_all(disk, &log_name(number))?;
        match LogHeader::decode(&bytes) {
            Some(header) => {
                let end = replay(&bytes, header, number, &mut position)?;
                logs.push((number, header, end, bytes));
            }
            None => {
                check_unused(&bytes, number)?;
                break;
            }
        }
    }
    let active = match logs.pop() {
        Some((number, header, end, bytes)) => reopen(disk, number, header, end, &bytes)?,
        None if snapshot > 0 => {
            return Err(damaged(&format!("{} is missing", log_name(first))));
        }
        None => begin(disk, FIRST_LOG, 0, Fence(0))?,
    };
    clear_away(disk, &names, snapshot, first, active.number)?;
    Ok(Files {
        snapshot,
        snapshot_bytes,
        closed: logs
            .iter()
            .map(|(number, _, end, _)| (*number, *end as u64))
            .collect(),
        active,
        revision: position.revision,
        fence: position.fence,
    })
}

/// Begins a new log; it is durable when this returns.
pub(crate) fn begin(
    disk: &dyn Disk,
    number: u64,
    start: Revision,
    fence: Fence,
) -> io::Result<Active> {
    let header = LogHeader {
        salt: Clock::system().random_u64() as u32,
        start,
        fence,
    };
    let mut file = disk.create(&log_name(number))?;
    file.write_at(0, &header.encode())?;
    file.sync()?;
    disk.sync_names()?;
    Ok(Active {
        number,
        salt: header.salt,
        start,
        file,
        length: HEADER_BYTES as u64,
        reserved: HEADER_BYTES as u64,
    })
}

fn reopen(
    disk: &dyn Disk,
    number: u64,
    header: LogHeader,
    end: usize,
    bytes: &[u8],
) -> io::Result<Active> {
    let mut file = disk.open(&log_name(number))?;
    let mut reserved = bytes.len() as u64;
    if bytes[end..].iter().any(|byte| *byte != 0) {
        tracing::warn!(
            file = log_name(number),
            bytes = bytes.len() - end,
            "an entry that was never acknowledged is cut off"
        );
        file.set_length(end as u64)?;
        file.sync()?;
        reserved = end as u64;
    }
    Ok(Active {
        number,
        salt: header.salt,
        start: header.start,
        file,
        length: end as u64,
        reserved,
    })
}

/// Moves the position to the log's end, and answers where that is.
fn replay(
    bytes: &[u8],
    header: LogHeader,
    number: u64,
    position: &mut Position,
) -> io::Result<usize> {
    let name = log_name(number);
    if header.start != position.revision {
        return Err(damaged(&format!(
            "{name} starts after revision {}, the files before it end at {}",
            header.start, position.revision
        )));
    }
    position.fence = position.fence.max(header.fence);
    let mut offset = HEADER_BYTES;
    loop {
        match read_entry(bytes, offset, header.salt) {
            Found::Entry { entry, next } => {
                match entry {
                    Entry::Fence(fence) => position.fence = fence,
                    Entry::Group { fence, .. } if fence != position.fence => {
                        return Err(damaged(&format!("{name}: a group of another leader")));
                    }
                    Entry::Group { batches, .. } => {
                        let newest = state::next_revision(position.revision, &batches);
                        position.revision =
                            newest.map_err(|error| damaged(&format!("{name}: {error}")))?;
                    }
                }
                offset = next;
            }
            Found::Unknown(reason) => {
                return Err(damaged(&format!("{name} at byte {offset}: {reason}")));
            }
            Found::Nothing => break,
        }
    }
    // One entry is written at a time, so only the last can be torn: what has whole entries after it was damaged later.
    if let Some(later) = find_entry(bytes, offset, header.salt) {
        return Err(damaged(&format!(
            "{name} cannot be read at byte {offset}, and goes on at byte {later}"
        )));
    }
    Ok(offset)
}

/// A log gets entries only after its header is durable.
fn check_unused(bytes: &[u8], number: u64) -> io::Result<()> {
    let entries = bytes.get(HEADER_BYTES..).unwrap_or_default();
    if entries.iter().any(|byte| *byte != 0) {
        return Err(damaged(&format!(
            "the header of {} is unreadable",
            log_name(number)
        )));
    }
    Ok(())
}

fn clear_away(
    disk: &dyn Disk,
    names: &[String],
    snapshot: u64,
    first: u64,
    last: u64,
) -> io::Result<()> {
    let is_old = |name: &str| {
        let log = name.strip_prefix("log-").and_then(|n| n.parse().ok());
        let other = name.strip_prefix("snapshot-");
        name.ends_with(UNFINISHED)
            || log.is_some_and(|number: u64| number < first || number > last)
            || other.is_some_and(|number| number.parse().is_ok_and(|number: u64| number < snapshot))
    };
    let old: Vec<_> = names.iter().filter(|name| is_old(name)).collect();
    for name in &old {
        disk.remove(name)?;
    }
    if old.is_empty() {
        return Ok(());
    }
    disk.sync_names()
}

fn read_all(disk: &dyn Disk, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    disk.reader(name)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn in_file(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}
