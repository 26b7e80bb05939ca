//! Reading all rows: the snapshot, changed by the logs after it.

use std::io::{self, Read};
use std::sync::Arc;

use state::{BoxStream, EngineError, Loaded, Revision, Row};
use tokio::sync::mpsc;

use crate::format::{Entry, Found, HEADER_BYTES, LogHeader, read_entry};
use crate::snapshot::{Overlay, SnapshotReader, damaged, merge};
use crate::writer::fault;

/// Rows that travel together while loading, and how many such chunks may wait for the reader.
const CHUNK_ROWS: usize = 512;
const WAITING_CHUNKS: usize = 4;

/// Open files at one revision; they stay readable when newer ones replace them.
pub(crate) struct Source {
    pub(crate) revision: Revision,
    pub(crate) snapshot: Option<Box<dyn Read + Send>>,
    /// Each with the bytes that count.
    pub(crate) logs: Vec<(Box<dyn Read + Send>, u64)>,
}

impl Source {
    /// Hands over every row, in order of table and key.
    pub(crate) fn read(self, each: impl FnMut(Row) -> io::Result<()>) -> io::Result<()> {
        let mut overlay = Overlay::new();
        for (log, length) in self.logs {
            let mut bytes = Vec::new();
            log.take(length).read_to_end(&mut bytes)?;
            overlay_log(&mut overlay, &bytes)?;
        }
        merge(
            self.snapshot.map(SnapshotReader::open).transpose()?,
            overlay,
            each,
        )
    }
}

/// Reads in a thread of its own, as far ahead as the channel lets it.
pub(crate) fn stream(source: Source, path: Arc<str>) -> Result<Loaded, EngineError> {
    let revision = source.revision;
    let (chunks, received) = mpsc::channel(WAITING_CHUNKS);
    let name = path.clone();
    let reader = std::thread::Builder::new().name("log-loader".to_owned());
    let reader = reader.spawn(move || {
        if let Err(error) = send(source, &chunks) {
            // Without a receiver nobody wants to know.
            let _ = chunks.blocking_send(Err(fault(&name, &error)));
        }
    });
    reader.map_err(|error| fault(&path, &error))?;
    Ok(Loaded {
        revision,
        rows: receive(received),
    })
}

fn send(source: Source, chunks: &mpsc::Sender<Result<Vec<Row>, EngineError>>) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    source.read(|row| {
        chunk.push(row);
        if chunk.len() == CHUNK_ROWS {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_ROWS));
            chunks.blocking_send(Ok(full)).map_err(|_| gone())?;
        }
        Ok(())
    })?;
    chunks.blocking_send(Ok(chunk)).map_err(|_| gone())
}

fn overlay_log(overlay: &mut Overlay, bytes: &[u8]) -> io::Result<()> {
    let header = LogHeader::decode(bytes).ok_or_else(|| damaged("a log lost its header"))?;
    let mut offset = HEADER_BYTES;
    while let Found::Entry { entry, next } = read_entry(bytes, offset, header.salt) {
        offset = next;
        let Entry::Group { batches, .. } = entry else {
            continue;
        };
        for write in batches.into_iter().flat_map(|batch| batch.writes) {
            let key = (write.table.into_owned(), write.key.as_ref().to_owned());
            overlay.insert(key, write.value);
        }
    }
    if offset != bytes.len() {
        return Err(damaged(&format!(
            "a log cannot be read beyond byte {offset}"
        )));
    }
    Ok(())
}

fn receive(
    received: mpsc::Receiver<Result<Vec<Row>, EngineError>>,
) -> BoxStream<'static, Result<Vec<Row>, EngineError>> {
    Box::pin(futures_util::stream::unfold(
        received,
        |mut received| async move { received.recv().await.map(|chunk| (chunk, received)) },
    ))
}
