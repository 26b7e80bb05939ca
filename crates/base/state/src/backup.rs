//! The whole state in one file that any engine can be filled from. The format: docs/backup-format.md.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use ciborium::Value;
use futures_util::TryStreamExt;

use crate::engine::{self, Batch, Engine, EngineError, Fence, Loaded, Revision};

const FORMAT: &str = "gantry-backup";
const VERSION: u64 = 1;
/// Batches that one commit of the engine carries while it is filled.
const GROUP_BATCHES: usize = 32;

/// What a backup holds besides rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupHeader {
    /// What the state was at. An engine that is filled counts anew.
    pub revision: Revision,
    pub created_at_milliseconds: i64,
    /// Small files that the state needs, by name: secrets.
    pub files: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("this is not a backup of Gantry")]
    Foreign,
    #[error("the backup has format version {found}, this binary knows {VERSION}: take a newer one")]
    Version { found: u64 },
    #[error("the backup is damaged: {reason}")]
    Damaged { reason: String },
    #[error("the state is not empty")]
    NotEmpty,
}

/// Writes header, rows and checksum; answers how many rows there were.
pub async fn write_backup(
    header: &BackupHeader,
    mut loaded: Loaded,
    out: &mut (impl Write + Send),
) -> Result<u64, BackupError> {
    let mut out = Summed {
        out,
        digest: Context::new(&SHA256),
    };
    out.item(&header.encode())?;
    let mut count = 0_u64;
    while let Some(rows) = loaded.rows.try_next().await? {
        for row in rows {
            count += 1;
            out.item(&Value::Array(vec![
                Value::Text(row.table),
                Value::Text(row.key),
                Value::Bytes(row.value),
            ]))?;
        }
    }
    let sum = out.digest.finish();
    let end = Value::Map(vec![
        (text("rows"), count.into()),
        (text("sha256"), Value::Bytes(sum.as_ref().to_vec())),
    ]);
    let mut bytes = Vec::new();
    encode(&end, &mut bytes)?;
    out.out.write_all(&bytes)?;
    Ok(count)
}

/// Fills an empty engine, and answers the header and the number of rows. After an error the engine holds a part and
/// must be thrown away.
pub async fn read_backup(
    input: impl Read + Send,
    engine: &dyn Engine,
) -> Result<(BackupHeader, u64), BackupError> {
    let mut input = Items {
        reader: BufReader::new(input),
        digest: Context::new(&SHA256),
        item: Vec::new(),
    };
    let header = match input.next() {
        Ok(value) => BackupHeader::decode(value)?,
        Err(_) => return Err(BackupError::Foreign),
    };
    let fence = engine.lead("restore").await?;
    if engine.load().await?.revision != 0 {
        return Err(BackupError::NotEmpty);
    }
    let mut filling = Filling::new(engine, fence);
    let mut count = 0_u64;
    loop {
        let before = input.digest.clone();
        match input.next()? {
            Value::Array(row) => filling.put(write_of(row)?).await?,
            Value::Map(end) => {
                check_end(end, count, before.finish().as_ref())?;
                break;
            }
            _ => return Err(damaged("an item is neither row nor end")),
        }
        count += 1;
    }
    if !input.reader.fill_buf()?.is_empty() {
        return Err(damaged("it goes on after its end"));
    }
    filling.finish().await?;
    Ok((header, count))
}

impl BackupHeader {
    fn encode(&self) -> Value {
        let files = self.files.iter();
        let files = files.map(|(name, content)| (text(name), Value::Bytes(content.clone())));
        Value::Map(vec![
            (text("format"), text(FORMAT)),
            (text("version"), VERSION.into()),
            (text("revision"), self.revision.into()),
            (
                text("createdAtMilliseconds"),
                self.created_at_milliseconds.into(),
            ),
            (text("files"), Value::Map(files.collect())),
        ])
    }

    fn decode(value: Value) -> Result<Self, BackupError> {
        let mut fields = fields(value).ok_or(BackupError::Foreign)?;
        let mut take = |name: &str| fields.remove(name);
        if take("format") != Some(text(FORMAT)) {
            return Err(BackupError::Foreign);
        }
        let number = |value: Option<Value>| value.and_then(|value| value.into_integer().ok());
        let missing = || damaged("its header lacks a field");
        let version = number(take("version")).and_then(|number| number.try_into().ok());
        match version.ok_or_else(missing)? {
            VERSION => {}
            found => return Err(BackupError::Version { found }),
        }
        let revision = number(take("revision")).and_then(|number| number.try_into().ok());
        let created = number(take("createdAtMilliseconds"));
        let files = take("files").and_then(fields_of_files);
        Ok(Self {
            revision: revision.ok_or_else(missing)?,
            created_at_milliseconds: created
                .and_then(|number| number.try_into().ok())
                .ok_or_else(missing)?,
            files: files.ok_or_else(missing)?,
        })
    }
}

/// Rows on their way into an engine, in transactions of the allowed size.
struct Filling<'a> {
    engine: &'a dyn Engine,
    fence: Fence,
    revision: Revision,
    group: Vec<Batch>,
    batch: Vec<engine::Write>,
    bytes: usize,
}

impl<'a> Filling<'a> {
    fn new(engine: &'a dyn Engine, fence: Fence) -> Self {
        Self {
            engine,
            fence,
            revision: 0,
            group: Vec::new(),
            batch: Vec::new(),
            bytes: 0,
        }
    }

    async fn put(&mut self, write: engine::Write) -> Result<(), EngineError> {
        let bytes = write.key.len() + write.value.as_ref().map_or(0, Vec::len);
        if self.batch.len() == limits::TRANSACTION_ROWS
            || self.bytes + bytes > limits::TRANSACTION_BYTES
        {
            self.end_batch();
        }
        self.bytes += bytes;
        self.batch.push(write);
        if self.group.len() == GROUP_BATCHES {
            self.commit().await?;
        }
        Ok(())
    }

    fn end_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.revision += 1;
        self.bytes = 0;
        self.group.push(Batch {
            revision: self.revision,
            writes: std::mem::take(&mut self.batch),
        });
    }

    async fn commit(&mut self) -> Result<(), EngineError> {
        let group = std::mem::take(&mut self.group);
        self.engine.commit(self.fence, group).await.map(drop)
    }

    async fn finish(mut self) -> Result<(), EngineError> {
        self.end_batch();
        self.commit().await
    }
}

/// Writes and sums.
struct Summed<'a, W> {
    out: &'a mut W,
    digest: Context,
}

impl<W: Write> Summed<'_, W> {
    fn item(&mut self, value: &Value) -> io::Result<()> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes)?;
        self.digest.update(&bytes);
        self.out.write_all(&bytes)
    }
}

/// Reads CBOR items and sums their bytes.
struct Items<R> {
    reader: BufReader<R>,
    digest: Context,
    item: Vec<u8>,
}

impl<R: Read> Items<R> {
    fn next(&mut self) -> Result<Value, BackupError> {
        self.item.clear();
        let tee = Tee {
            reader: &mut self.reader,
            seen: &mut self.item,
        };
        let value = ciborium::from_reader(tee).map_err(|error| match error {
            ciborium::de::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                damaged("it ends too early")
            }
            ciborium::de::Error::Io(error) => BackupError::Io(error),
            other => damaged(&other.to_string()),
        })?;
        self.digest.update(&self.item);
        Ok(value)
    }
}

struct Tee<'a, R> {
    reader: &'a mut R,
    seen: &'a mut Vec<u8>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.seen.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

fn write_of(row: Vec<Value>) -> Result<engine::Write, BackupError> {
    match <[Value; 3]>::try_from(row) {
        Ok([Value::Text(table), Value::Text(key), Value::Bytes(value)]) => Ok(engine::Write {
            table: Cow::Owned(table),
            key: Arc::from(key),
            value: Some(value),
        }),
        _ => Err(damaged("a row is not [table, key, value]")),
    }
}

fn check_end(end: Vec<(Value, Value)>, count: u64, sum: &[u8]) -> Result<(), BackupError> {
    let end = fields(Value::Map(end)).unwrap_or_default();
    if end.get("rows") != Some(&count.into()) {
        return Err(damaged("rows are missing"));
    }
    if end
        .get("sha256")
        .and_then(Value::as_bytes)
        .map(Vec::as_slice)
        != Some(sum)
    {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(())
}

fn fields(value: Value) -> Option<BTreeMap<String, Value>> {
    let entries = value.into_map().ok()?.into_iter();
    let entries = entries.map(|(name, value)| Some((name.into_text().ok()?, value)));
    entries.collect()
}

fn fields_of_files(value: Value) -> Option<BTreeMap<String, Vec<u8>>> {
    let files = fields(value)?.into_iter();
    let files = files.map(|(name, content)| Some((name, content.into_bytes().ok()?)));
    files.collect()
}

fn encode(value: &Value, bytes: &mut Vec<u8>) -> io::Result<()> {
    ciborium::into_writer(value, bytes).map_err(|error| io::Error::other(error.to_string()))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn damaged(reason: &str) -> BackupError {
    BackupError::Damaged {
        reason: reason.to_owned(),
    }
}
