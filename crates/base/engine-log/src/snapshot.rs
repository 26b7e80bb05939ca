//! All rows at one revision in one file, in order of table and key.
//!
//! ```text
//! snapshot = "GANTRYS1" revision:u64 fence:u64 crc:u32 block* end
//! block    = length:u32 crc:u32 row*           row = table_length:u16 table key_length:u32 key length:u32 value
//! end      = 0:u32 crc:u32 rows:u64
//! ```
//!
//! A snapshot gets its name only when it is whole and durable; one that does not read to its end is damaged.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use state::{Fence, Revision, Row};

use crate::disk::DiskFile;
use crate::format::{Bytes, checksum, put_row};

const MAGIC: &[u8; 8] = b"GANTRYS1";
const HEADER_BYTES: usize = 28;
const BLOCK_BYTES: usize = 256 * 1024;

/// What the log says since the snapshot: the last value of each row, or its end.
pub(crate) type Overlay = BTreeMap<(String, String), Option<Vec<u8>>>;

pub(crate) struct SnapshotReader {
    reader: BufReader<Box<dyn Read + Send>>,
    pub(crate) revision: Revision,
    pub(crate) fence: Fence,
}

impl SnapshotReader {
    pub(crate) fn open(file: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(BLOCK_BYTES, file);
        let mut header = [0; HEADER_BYTES];
        reader.read_exact(&mut header).map_err(short)?;
        let (content, crc) = header.split_at(HEADER_BYTES - 4);
        let mut bytes = Bytes(content);
        if bytes.take(8) != Some(MAGIC) || crc != checksum(0, content).to_le_bytes() {
            return Err(damaged("its header is not a snapshot's"));
        }
        let numbers = bytes.u64().zip(bytes.u64());
        let (revision, fence) = numbers.ok_or_else(|| damaged("its header is short"))?;
        Ok(Self {
            reader,
            revision,
            fence: Fence(fence),
        })
    }

    /// Hands over every row, in order.
    pub(crate) fn read(mut self, mut each: impl FnMut(Row) -> io::Result<()>) -> io::Result<()> {
        let mut rows = 0_u64;
        let mut block = Vec::new();
        loop {
            let mut header = [0; 8];
            self.reader.read_exact(&mut header).map_err(short)?;
            let mut bytes = Bytes(&header);
            let (length, crc) = (
                bytes.u32().unwrap_or_default(),
                bytes.u32().unwrap_or_default(),
            );
            let wanted = if length == 0 { 8 } else { u64::from(length) };
            block.clear();
            (&mut self.reader).take(wanted).read_to_end(&mut block)?;
            if block.len() as u64 != wanted || checksum(0, &block) != crc {
                return Err(damaged("a block's checksum is wrong"));
            }
            let mut bytes = Bytes(&block);
            if length == 0 {
                return match bytes.u64() == Some(rows) {
                    true => Ok(()),
                    false => Err(damaged("rows are missing")),
                };
            }
            while !bytes.0.is_empty() {
                let row = bytes.row().and_then(|(table, key)| {
                    let value = bytes.value()?;
                    Some(Row {
                        table: table.to_owned(),
                        key: key.to_owned(),
                        value,
                    })
                });
                each(row.ok_or_else(|| damaged("a row is cut short"))?)?;
                rows += 1;
            }
        }
    }
}

/// Rows of the snapshot as the overlay changes them, in order.
pub(crate) fn merge(
    snapshot: Option<SnapshotReader>,
    overlay: Overlay,
    mut each: impl FnMut(Row) -> io::Result<()>,
) -> io::Result<()> {
    let row = |((table, key), value): ((String, String), Option<Vec<u8>>)| {
        value.map(|value| Row { table, key, value })
    };
    let mut changed = overlay.into_iter().peekable();
    if let Some(snapshot) = snapshot {
        snapshot.read(|old| {
            let mut is_replaced = false;
            while let Some(change) = changed.next_if(|((table, key), _)| {
                (table.as_str(), key.as_str()) <= (old.table.as_str(), old.key.as_str())
            }) {
                is_replaced = change.0.0 == old.table && change.0.1 == old.key;
                row(change).map_or(Ok(()), &mut each)?;
            }
            if is_replaced { Ok(()) } else { each(old) }
        })?;
    }
    changed.filter_map(row).try_for_each(each)
}

/// Writes a file, block by block.
pub(crate) struct SnapshotWriter {
    file: Box<dyn DiskFile>,
    length: u64,
    block: Vec<u8>,
    rows: u64,
}

impl SnapshotWriter {
    pub(crate) fn begin(
        mut file: Box<dyn DiskFile>,
        revision: Revision,
        fence: Fence,
    ) -> io::Result<Self> {
        let mut header = MAGIC.to_vec();
        header.extend(revision.to_le_bytes());
        header.extend(fence.0.to_le_bytes());
        let crc = checksum(0, &header);
        header.extend(crc.to_le_bytes());
        file.write_at(0, &header)?;
        Ok(Self {
            file,
            length: header.len() as u64,
            block: Vec::with_capacity(BLOCK_BYTES),
            rows: 0,
        })
    }

    pub(crate) fn row(&mut self, row: &Row) -> io::Result<()> {
        put_row(&mut self.block, &row.table, &row.key);
        self.block.extend((row.value.len() as u32).to_le_bytes());
        self.block.extend(&row.value);
        self.rows += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.flush(self.block.len() as u32)?;
        }
        Ok(())
    }

    /// Ends the file, makes it durable, and answers its length.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        if !self.block.is_empty() {
            self.flush(self.block.len() as u32)?;
        }
        self.block.extend(self.rows.to_le_bytes());
        self.flush(0)?;
        self.file.sync()?;
        Ok(self.length)
    }

    fn flush(&mut self, length: u32) -> io::Result<()> {
        let mut header = length.to_le_bytes().to_vec();
        header.extend(checksum(0, &self.block).to_le_bytes());
        self.file.write_at(self.length, &header)?;
        self.file
            .write_at(self.length + header.len() as u64, &self.block)?;
        self.length += (header.len() + self.block.len()) as u64;
        self.block.clear();
        Ok(())
    }
}

pub(crate) fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_owned())
}

fn short(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        _ => error,
    }
}
