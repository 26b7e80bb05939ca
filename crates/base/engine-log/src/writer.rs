//! The thread that writes: it has the files to itself and answers through one-shot channels.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use state::{Batch, EngineError, Fence, RecentBatches, Revision};
use tokio::sync::oneshot;

use crate::Options;
use crate::disk::Disk;
use crate::format::{encode_fence, encode_group};
use crate::recovery::{self, Active, Files, log_name, snapshot_name, unfinished_snapshot_name};
use crate::rows::Source;
use crate::snapshot::SnapshotWriter;

/// An empty group asks whether this much could be written.
const PROBE_BYTES: u64 = 64 * 1024;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

pub(crate) enum Job {
    Lead(oneshot::Sender<Result<Fence, EngineError>>),
    Load(oneshot::Sender<Result<Source, EngineError>>),
    Commit {
        fence: Fence,
        group: Vec<Batch>,
        reply: oneshot::Sender<Result<Revision, EngineError>>,
    },
}

pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    options: Options,
    files: Files,
    recent: RecentBatches,
    /// An entry as it is put together; kept for its capacity.
    buffer: Vec<u8>,
    /// After an error whose effect on the disk is unknown, nothing may be written: it could follow what was lost.
    broken: Option<String>,
    snapshot: Option<RunningSnapshot>,
    /// Below this length of the active log no snapshot is tried (again).
    retry_at: u64,
}

struct RunningSnapshot {
    number: u64,
    thread: JoinHandle<io::Result<u64>>,
    cancel: Arc<AtomicBool>,
}

/// An error of the disk as the engine's.
pub(crate) fn fault(path: &str, error: &io::Error) -> EngineError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            EngineError::Full {
                path: path.to_owned(),
            }
        }
        io::ErrorKind::InvalidData => EngineError::Corrupt {
            path: path.to_owned(),
            reason: error.to_string(),
        },
        _ => EngineError::Unavailable(format!("{path}: {error}")),
    }
}

impl Writer {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        options: Options,
        files: Files,
        recent: RecentBatches,
    ) -> Self {
        Self {
            disk,
            options,
            files,
            recent,
            buffer: Vec::new(),
            broken: None,
            snapshot: None,
            retry_at: 0,
        }
    }

    /// Until the engine is dropped. Whoever asked may have gone meanwhile; the work is done all the same.
    pub(crate) fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Lead(reply) => drop(reply.send(self.lead())),
                Job::Load(reply) => drop(reply.send(self.source())),
                Job::Commit {
                    fence,
                    group,
                    reply,
                } => drop(reply.send(self.commit(fence, group))),
            }
            self.maintain();
        }
        if let Some(running) = self.snapshot.take() {
            running.cancel.store(true, Ordering::Relaxed);
            let _ = running.thread.join();
        }
    }

    fn lead(&mut self) -> Result<Fence, EngineError> {
        let fence = Fence(self.files.fence.0 + 1);
        encode_fence(&mut self.buffer, self.files.active.salt, fence);
        self.append()?;
        self.files.fence = fence;
        Ok(fence)
    }

    fn commit(&mut self, fence: Fence, group: Vec<Batch>) -> Result<Revision, EngineError> {
        if self.files.fence != fence {
            return Err(EngineError::Fenced {
                ours: fence.0,
                newest: self.files.fence.0,
            });
        }
        let revision = state::next_revision(self.files.revision, &group)?;
        if group.is_empty() {
            self.reserve(PROBE_BYTES)?;
            return Ok(revision);
        }
        encode_group(&mut self.buffer, self.files.active.salt, fence, &group);
        self.append()?;
        self.files.revision = revision;
        self.recent.append(group);
        Ok(revision)
    }

    /// Writes the buffer at the log's end and makes it durable.
    fn append(&mut self) -> Result<(), EngineError> {
        self.reserve(self.buffer.len() as u64)?;
        let active = &mut self.files.active;
        let written = active.file.write_at(active.length, &self.buffer);
        match written.map_err(|error| fault(&self.disk.path(), &error)) {
            // What was written of it fails its checksum, and the next entry goes over it.
            Err(error @ EngineError::Full { .. }) => return Err(error),
            Err(error) => return Err(self.give_up(error)),
            Ok(()) => {}
        }
        if let Err(error) = active.file.sync() {
            // Nobody can say what is on the disk now, and a second sync would not tell either.
            return Err(self.give_up_on_sync(&error));
        }
        active.length += self.buffer.len() as u64;
        Ok(())
    }

    /// Sees to it that the file has room for this much more.
    fn reserve(&mut self, bytes: u64) -> Result<(), EngineError> {
        if let Some(reason) = &self.broken {
            return Err(EngineError::Unavailable(reason.clone()));
        }
        let needed = self.files.active.length + bytes;
        if needed <= self.files.active.reserved {
            return Ok(());
        }
        let generous = needed.next_multiple_of(self.options.reserve_bytes);
        let mut extended = extend(&mut self.files.active, generous);
        if matches!(&extended, Err(error) if is_full(error)) {
            extended = extend(&mut self.files.active, needed);
        }
        match extended {
            Err(error) if is_full(&error) => {
                // Others may need the rest more than we do; if it stays, it is zeros beyond our end.
                let active = &mut self.files.active;
                let _ = active.file.set_length(active.reserved);
                return Err(fault(&self.disk.path(), &error));
            }
            Err(error) => {
                let error = fault(&self.disk.path(), &error);
                return Err(self.give_up(error));
            }
            Ok(()) => {}
        }
        match self.files.active.file.sync() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.give_up_on_sync(&error)),
        }
    }

    fn give_up_on_sync(&mut self, error: &io::Error) -> EngineError {
        let path = self.disk.path();
        self.give_up(EngineError::Unavailable(format!(
            "{path}: what was written may be lost: {error}"
        )))
    }

    fn give_up(&mut self, error: EngineError) -> EngineError {
        self.broken = Some(error.to_string());
        error
    }

    fn source(&mut self) -> Result<Source, EngineError> {
        self.open_source(true)
            .map_err(|error| fault(&self.disk.path(), &error))
    }

    fn open_source(&self, with_active: bool) -> io::Result<Source> {
        let files = &self.files;
        let snapshot = (files.snapshot > 0).then(|| snapshot_name(files.snapshot));
        let active = with_active.then_some((files.active.number, files.active.length));
        let logs = files.closed.iter().copied().chain(active);
        let opened =
            logs.map(|(number, length)| Ok((self.disk.reader(&log_name(number))?, length)));
        Ok(Source {
            revision: files.revision,
            snapshot: snapshot.map(|name| self.disk.reader(&name)).transpose()?,
            logs: opened.collect::<io::Result<_>>()?,
        })
    }

    /// Folds the log into a snapshot when it is long enough; a failure is tried again when it has grown further.
    fn maintain(&mut self) {
        if self.broken.is_some() {
            return;
        }
        if let Some(running) = self
            .snapshot
            .take_if(|running| running.thread.is_finished())
        {
            let made = running.thread.join();
            let made = made.unwrap_or_else(|_| Err(io::Error::other("it panicked")));
            self.snapshot_ended(running.number, made);
        }
        let length = self.files.active.length;
        if self.snapshot.is_some() || length < self.retry_at {
            return;
        }
        let due = self
            .options
            .snapshot_after_bytes
            .max(self.files.snapshot_bytes);
        if self.files.closed.is_empty() {
            if length < due {
                return;
            }
            if let Err(error) = self.rotate() {
                self.try_later("the log could not be continued in a new file", &error);
                return;
            }
        }
        self.begin_snapshot();
    }

    /// Goes on in a new file; the old one has nothing unsynced.
    fn rotate(&mut self) -> io::Result<()> {
        let number = self.files.active.number + 1;
        let begun = recovery::begin(&*self.disk, number, self.files.revision, self.files.fence);
        match begun {
            Ok(active) => {
                let old = std::mem::replace(&mut self.files.active, active);
                self.files.closed.push((old.number, old.length));
                self.retry_at = 0;
                Ok(())
            }
            Err(error) => {
                // It must not be found at the next start, when the old file has gone on.
                let removed = match self.disk.remove(&log_name(number)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    other => other,
                };
                if let Err(error) = removed.and_then(|()| self.disk.sync_names()) {
                    let error = fault(&self.disk.path(), &error);
                    self.give_up(error);
                }
                Err(error)
            }
        }
    }

    fn begin_snapshot(&mut self) {
        // Only the logs before the active one: they no longer change.
        let number = self.files.active.number;
        let source = match self.open_source(false) {
            Ok(source) => source,
            Err(error) => return self.try_later("the log cannot be read", &error),
        };
        let cancel = Arc::new(AtomicBool::new(false));
        let work = {
            let (disk, cancel) = (self.disk.clone(), cancel.clone());
            let (revision, fence) = (self.files.active.start, self.files.fence);
            move || make_snapshot(&*disk, number, revision, fence, source, &cancel)
        };
        if !self.options.background {
            let made = work();
            return self.snapshot_ended(number, made);
        }
        let thread = std::thread::Builder::new().name("log-snapshot".to_owned());
        match thread.spawn(work) {
            Ok(thread) => {
                self.snapshot = Some(RunningSnapshot {
                    number,
                    thread,
                    cancel,
                });
            }
            Err(error) => self.try_later("no thread for a snapshot", &error),
        }
    }

    fn snapshot_ended(&mut self, number: u64, made: io::Result<u64>) {
        let bytes = match made {
            Ok(bytes) => bytes,
            Err(error) => return self.try_later("a snapshot could not be written", &error),
        };
        let old_snapshot = self.files.snapshot;
        let old_logs: Vec<_> = self.files.closed.drain(..).collect();
        self.files.snapshot = number;
        self.files.snapshot_bytes = bytes;
        let names = old_logs.iter().map(|(number, _)| log_name(*number));
        let names = names.chain((old_snapshot > 0).then(|| snapshot_name(old_snapshot)));
        for name in names {
            if let Err(error) = self.disk.remove(&name) {
                tracing::warn!(%error, name, "not removed; the next start does it");
            }
        }
    }

    fn try_later(&mut self, what: &str, error: &io::Error) {
        tracing::warn!(%error, path = self.disk.path(), "{what}; commits go on");
        self.retry_at = self.files.active.length + self.options.reserve_bytes;
    }
}

/// Writes the snapshot, and gives it its name when it is durable; answers its length.
fn make_snapshot(
    disk: &dyn Disk,
    number: u64,
    revision: Revision,
    fence: Fence,
    source: Source,
    cancel: &AtomicBool,
) -> io::Result<u64> {
    let unfinished = unfinished_snapshot_name(number);
    let write = || {
        let mut writer = SnapshotWriter::begin(disk.create(&unfinished)?, revision, fence)?;
        source.read(|row| {
            if cancel.load(Ordering::Relaxed) {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            writer.row(&row)
        })?;
        let bytes = writer.finish()?;
        // The name of the unfinished file must not be lost while the final one is kept, or the other way round.
        disk.rename(&unfinished, &snapshot_name(number))?;
        disk.sync_names()?;
        Ok(bytes)
    };
    let made = write();
    if made.is_err() {
        let _ = disk.remove(&unfinished);
    }
    made
}

/// Appends zeros up to this length.
fn extend(active: &mut Active, to: u64) -> io::Result<()> {
    let mut offset = active.reserved;
    while offset < to {
        let bytes = (to - offset).min(ZEROS.len() as u64);
        active.file.write_at(offset, &ZEROS[..bytes as usize])?;
        offset += bytes;
    }
    active.reserved = to;
    Ok(())
}

fn is_full(error: &io::Error) -> bool {
    matches!(fault("", error), EngineError::Full { .. })
}
