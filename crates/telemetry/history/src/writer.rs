//! The thread that writes: takes what has gathered, writes it, waits for the disk once, and tells everyone.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use clock::UnixMillis;
use tokio::sync::{mpsc, oneshot};

use crate::index::{self, Location};
use crate::kind::Kind;
use crate::segment::{self, MAGIC, io_error};
use crate::{Entry, HistoryError, Kinds, Options};

/// A group larger than this is written in parts.
const WRITE_BYTES: usize = 8 * 1024 * 1024;

pub(crate) enum Job {
    Append {
        kind: String,
        entries: Vec<Entry>,
        reply: oneshot::Sender<Result<(), HistoryError>>,
    },
    Expire {
        kind: String,
        older_than: UnixMillis,
        reply: oneshot::Sender<Result<usize, HistoryError>>,
    },
}

pub(crate) struct Writer {
    directory: PathBuf,
    options: Options,
    kinds: Kinds,
    appenders: HashMap<String, Appender>,
}

impl Writer {
    pub(crate) fn new(directory: PathBuf, options: Options, kinds: Kinds) -> Self {
        Self {
            directory,
            options,
            kinds,
            appenders: HashMap::new(),
        }
    }

    /// Until the history is dropped. Whoever asked may have gone meanwhile; the work is done all the same.
    pub(crate) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            self.perform_with_gathered(first, &mut jobs);
        }
    }

    /// As [`Writer::run`], between other tasks: for simulations, which must not have threads.
    pub(crate) async fn run_as_task(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.recv().await {
            self.perform_with_gathered(first, &mut jobs);
        }
    }

    fn perform_with_gathered(&mut self, first: Job, jobs: &mut mpsc::Receiver<Job>) {
        let mut gathered = vec![first];
        while gathered.len() < limits::HISTORY_GROUP_APPENDS
            && let Ok(next) = jobs.try_recv()
        {
            gathered.push(next);
        }
        self.perform(gathered);
    }

    /// Appends first, each kind as one group; they are independent of what expires.
    fn perform(&mut self, jobs: Vec<Job>) {
        let mut groups: HashMap<String, (Vec<Entry>, Vec<oneshot::Sender<_>>)> = HashMap::new();
        let mut expiries = Vec::new();
        for job in jobs {
            match job {
                Job::Append {
                    kind,
                    mut entries,
                    reply,
                } => {
                    let group = groups.entry(kind).or_default();
                    group.0.append(&mut entries);
                    group.1.push(reply);
                }
                Job::Expire {
                    kind,
                    older_than,
                    reply,
                } => expiries.push((kind, older_than, reply)),
            }
        }
        for (kind, (entries, replies)) in groups {
            let result = self
                .appender(&kind)
                .and_then(|appender| appender.append(&entries));
            for reply in replies {
                let _ = reply.send(result.clone());
            }
        }
        for (kind, older_than, reply) in expiries {
            let result = self
                .appender(&kind)
                .and_then(|appender| appender.expire(older_than));
            let _ = reply.send(result);
        }
    }

    fn appender(&mut self, name: &str) -> Result<&mut Appender, HistoryError> {
        match self.appenders.entry(name.to_owned()) {
            Slot::Occupied(slot) => Ok(slot.into_mut()),
            Slot::Vacant(slot) => {
                let known = self
                    .kinds
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get(name)
                    .cloned();
                let kind = match known {
                    Some(kind) => kind,
                    None => {
                        let kind = Arc::new(Kind::open(self.directory.join(name))?);
                        sync_directory(&self.directory)?;
                        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
                        kinds.insert(name.to_owned(), kind.clone());
                        kind
                    }
                };
                Ok(slot.insert(Appender {
                    kind,
                    options: self.options,
                    active: None,
                    failure: None,
                }))
            }
        }
    }
}

/// Appends to one kind.
struct Appender {
    kind: Arc<Kind>,
    options: Options,
    /// The segment that grows; none until the first append.
    active: Option<Active>,
    /// Set when the end of the active segment is no longer known.
    failure: Option<HistoryError>,
}

struct Active {
    id: u32,
    file: Arc<File>,
    /// Durable up to here.
    end: u64,
    oldest: Option<UnixMillis>,
    entries: Vec<(Arc<str>, Location)>,
}

/// What is to be written after the active segment's end.
#[derive(Default)]
struct Unwritten {
    bytes: Vec<u8>,
    entries: Vec<(Arc<str>, Location)>,
    positions: HashMap<Arc<str>, usize>,
}

impl Appender {
    fn append(&mut self, entries: &[Entry]) -> Result<(), HistoryError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut unwritten = Unwritten::default();
        for entry in entries {
            let encoded = segment::encode(entry);
            if self.is_known(entry, &encoded, &unwritten) {
                continue;
            }
            if self.must_seal(entry, encoded.len() + unwritten.bytes.len()) {
                self.flush(std::mem::take(&mut unwritten))?;
                self.seal()?;
            }
            if unwritten.bytes.len() >= WRITE_BYTES {
                self.flush(std::mem::take(&mut unwritten))?;
            }
            let active = self.active()?;
            active.oldest.get_or_insert(entry.at);
            unwritten.push(active, entry, &encoded);
        }
        self.flush(unwritten)
    }

    /// Is exactly this entry the newest with its key, or about to be?
    fn is_known(&self, entry: &Entry, encoded: &[u8], unwritten: &Unwritten) -> bool {
        let is_same = |location: Location| {
            location.at == entry.at
                && location.length as usize == encoded.len()
                && location.checksum == segment::checksum(encoded)
        };
        if let Some(position) = unwritten.positions.get(entry.key.as_str()) {
            return is_same(unwritten.entries[*position].1);
        }
        let known = self.kind.index().get(&entry.key);
        // A checksum alone is no proof.
        known.is_some_and(|location| {
            is_same(location)
                && self
                    .kind
                    .read(&entry.key, location)
                    .is_ok_and(|found| found.as_ref() == Some(entry))
        })
    }

    fn must_seal(&self, entry: &Entry, more_bytes: usize) -> bool {
        let Some(active) = &self.active else {
            return false;
        };
        let Some(oldest) = active.oldest else {
            return false;
        };
        active.end + more_bytes as u64 > u64::from(self.options.segment_bytes)
            || entry.at.since(oldest) > Duration::from_secs(self.options.segment_age_seconds)
    }

    /// The segment that grows: the last one of the directory if it is not sealed, else a new one.
    fn active(&mut self) -> Result<&mut Active, HistoryError> {
        if self.active.is_none() {
            let (newest, last) = {
                let index = self.kind.index();
                let newest = index.newest_segment;
                (
                    newest,
                    index
                        .segments
                        .get(&newest)
                        .map(|segment| segment.file.clone()),
                )
            };
            let unsealed = last.filter(|_| !self.kind.index_path(newest).exists());
            let resumed = unsealed
                .map(|file| self.resume(newest, file))
                .transpose()?
                .flatten();
            self.active = Some(match resumed {
                Some(active) => active,
                None => self.begin(newest + 1)?,
            });
        }
        Ok(self.active.as_mut().expect("set above"))
    }

    /// None if the file does not end with a good entry: then it stays as it is.
    fn resume(&self, id: u32, file: Arc<File>) -> Result<Option<Active>, HistoryError> {
        let path = self.kind.segment_path(id);
        let bytes = std::fs::read(&path).map_err(|error| io_error(&path, &error))?;
        let scan = segment::scan(id, &bytes).filter(|scan| scan.end == bytes.len() as u64);
        Ok(scan.map(|scan| {
            let oldest = scan.entries.first().map(|(_, location)| location.at);
            Active {
                id,
                file,
                end: scan.end,
                oldest,
                entries: scan.entries,
            }
        }))
    }

    fn begin(&self, id: u32) -> Result<Active, HistoryError> {
        let path = self.kind.segment_path(id);
        let fault = |error: std::io::Error| io_error(&path, &error);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(fault)?;
        file.write_all_at(MAGIC, 0)
            .and_then(|()| file.sync_all())
            .map_err(fault)?;
        sync_directory(self.kind.directory())?;
        let file = Arc::new(file);
        self.kind.index_mut().add_segment(id, file.clone());
        Ok(Active {
            id,
            file,
            end: MAGIC.len() as u64,
            oldest: None,
            entries: Vec::new(),
        })
    }

    /// Writes, waits for the disk, and only then lets readers find the entries.
    fn flush(&mut self, unwritten: Unwritten) -> Result<(), HistoryError> {
        let Some(active) = self.active.as_mut().filter(|_| !unwritten.bytes.is_empty()) else {
            return Ok(());
        };
        let written = active
            .file
            .write_all_at(&unwritten.bytes, active.end)
            .and_then(|()| active.file.sync_data());
        if let Err(error) = written {
            return Err(self.cut_back(&error));
        }
        active.end += unwritten.bytes.len() as u64;
        let mut index = self.kind.index_mut();
        for (key, location) in &unwritten.entries {
            index.insert(key.clone(), *location);
        }
        active.entries.extend(unwritten.entries);
        Ok(())
    }

    /// After a failed write: back to what is durable, so that a later append (the disk has room again) can go on. If
    /// even that fails, the end of the file is unknown and nothing more is written until the next start reads it.
    fn cut_back(&mut self, error: &std::io::Error) -> HistoryError {
        let Some(active) = &self.active else {
            return HistoryError::Closed;
        };
        let path = self.kind.segment_path(active.id);
        if let Err(second) = active
            .file
            .set_len(active.end)
            .and_then(|()| active.file.sync_all())
        {
            let reason = format!("{error}, then {second}");
            self.failure = Some(HistoryError::Failed {
                path: path.display().to_string(),
                reason,
            });
        }
        io_error(&path, error)
    }

    fn seal(&mut self) -> Result<(), HistoryError> {
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        index::write_file(
            &self.kind.index_path(active.id),
            active.end,
            &active.entries,
        )
    }

    fn expire(&mut self, older_than: UnixMillis) -> Result<usize, HistoryError> {
        let old: Vec<u32> = {
            let index = self.kind.index();
            // From the oldest on, without gaps: a segment that stayed behind could hold an entry that a later, deleted
            // one had replaced.
            let segments = index
                .segments
                .iter()
                .take_while(|(_, segment)| segment.newest < older_than);
            segments.map(|(id, _)| *id).collect()
        };
        let mut gone = 0;
        for id in old {
            if self.active.as_ref().is_some_and(|active| active.id == id) {
                self.active = None;
            }
            // First from the index, so that nobody is sent to a file that is gone.
            gone += self.kind.index_mut().remove_segment(id);
            remove(&self.kind.index_path(id))?;
            remove(&self.kind.segment_path(id))?;
            remove(&self.kind.torn_path(id))?;
        }
        sync_directory(self.kind.directory())?;
        Ok(gone)
    }
}

impl Unwritten {
    fn push(&mut self, active: &Active, entry: &Entry, encoded: &[u8]) {
        let location = Location {
            segment: active.id,
            offset: (active.end + self.bytes.len() as u64) as u32,
            length: encoded.len() as u32,
            checksum: segment::checksum(encoded),
            at: entry.at,
        };
        let key: Arc<str> = Arc::from(entry.key.as_str());
        self.positions.insert(key.clone(), self.entries.len());
        self.entries.push((key, location));
        self.bytes.extend_from_slice(encoded);
    }
}

fn remove(path: &Path) -> Result<(), HistoryError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error(path, &error)),
        _ => Ok(()),
    }
}

/// New and deleted files are durable only with their directory.
fn sync_directory(path: &Path) -> Result<(), HistoryError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| io_error(path, &error))
}
