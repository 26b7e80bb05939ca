//! How rows lie in the file: under `TABLE`, a zero byte, and the key; and reading them all.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use state::{BoxStream, EngineError, Loaded, Revision, Row};
use tokio::sync::mpsc;

use crate::error::Faults;

pub(crate) const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
pub(crate) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub(crate) const REVISION: &str = "revision";
pub(crate) const FENCE: &str = "fence";
pub(crate) const FORMAT: &str = "format";

/// Rows that travel together while loading, and how many such chunks may wait for the reader.
const CHUNK_ROWS: usize = 512;
const WAITING_CHUNKS: usize = 4;

/// The key of a row in the file. Table names are ours and hold no zero byte, so the order is that of table, then key.
pub(crate) fn join(table: &str, key: &str) -> Vec<u8> {
    let mut joined = Vec::with_capacity(table.len() + 1 + key.len());
    joined.extend_from_slice(table.as_bytes());
    joined.push(0);
    joined.extend_from_slice(key.as_bytes());
    joined
}

/// All rows at one revision: a snapshot that a thread of its own reads, as far ahead as the channel lets it.
pub(crate) fn load(database: &Database, faults: &Faults) -> Result<Loaded, EngineError> {
    let transaction = database.begin_read().map_err(|error| faults.redb(error))?;
    let meta = transaction
        .open_table(META)
        .map_err(|error| faults.redb(error))?;
    let revision: Revision = meta
        .get(REVISION)
        .map_err(|error| faults.redb(error))?
        .map_or(0, |value| value.value());
    let rows = transaction
        .open_table(ROWS)
        .map_err(|error| faults.redb(error))?;
    let (chunks, received) = mpsc::channel(WAITING_CHUNKS);
    let thread_faults = faults.clone();
    let reader = std::thread::Builder::new().name("redb-loader".to_owned());
    let reader = reader.spawn(move || {
        if let Err(error) = read_all(&rows, &chunks, &thread_faults) {
            // Without a receiver nobody wants to know.
            let _ = chunks.blocking_send(Err(error));
        }
    });
    reader.map_err(|error| faults.io(error))?;
    Ok(Loaded {
        revision,
        rows: stream(received),
    })
}

fn read_all(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    chunks: &mpsc::Sender<Result<Vec<Row>, EngineError>>,
    faults: &Faults,
) -> Result<(), EngineError> {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    for entry in rows.iter().map_err(|error| faults.redb(error))? {
        let (joined, value) = entry.map_err(|error| faults.redb(error))?;
        let (table, key) =
            split(joined.value()).ok_or_else(|| faults.corrupt("a row has no table".to_owned()))?;
        chunk.push(Row {
            table,
            key,
            value: value.value().to_vec(),
        });
        if chunk.len() == CHUNK_ROWS
            && chunks
                .blocking_send(Ok(std::mem::take(&mut chunk)))
                .is_err()
        {
            return Ok(());
        }
    }
    let _ = chunks.blocking_send(Ok(chunk));
    Ok(())
}

fn split(joined: &[u8]) -> Option<(String, String)> {
    let (table, key) = std::str::from_utf8(joined).ok()?.split_once('\0')?;
    Some((table.to_owned(), key.to_owned()))
}

fn stream(
    received: mpsc::Receiver<Result<Vec<Row>, EngineError>>,
) -> BoxStream<'static, Result<Vec<Row>, EngineError>> {
    Box::pin(futures_util::stream::unfold(
        received,
        |mut received| async move { received.recv().await.map(|chunk| (chunk, received)) },
    ))
}
