//! The embedded engine: an append-only log with snapshots.
//!
//! A directory with one writer process (a lock file says so) and one thread that commits. A group of batches is one
//! entry of the log, written in one piece into space that was reserved before, and made durable with one fdatasync:
//! a torn entry fails its checksum and was never acknowledged. When the log has grown beyond the last snapshot, the
//! next file is begun and a thread merges the older files and the snapshot into a new one; commits go on meanwhile.
//! Rows are not kept in memory here: the tables above have them.
//!
//! `log-N` files follow each other without gaps; `snapshot-N` holds everything that was before `log-N`.

mod disk;
mod format;
mod recovery;
mod rows;
mod snapshot;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use state::{
    Batch, BoxFuture, BoxStream, Engine, EngineError, Fence, FollowError, Loaded, RecentBatches,
    Revision,
};
use tokio::sync::oneshot;

pub use disk::{Directory, Disk, DiskFile};

use writer::{Job, Writer};

/// Jobs that may wait: the committer has one in flight, backups and whoever opens next may add one each.
const WAITING_JOBS: usize = 16;

/// State in one directory.
pub struct LogEngine {
    path: Arc<str>,
    recent: RecentBatches,
    /// Taken when dropped, which ends the thread.
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What tests set smaller.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A log this long, and longer than the last snapshot, is folded into a new snapshot.
    pub snapshot_after_bytes: u64,
    /// Space is taken from the disk in pieces of this size, so that most commits change no metadata of the file.
    pub reserve_bytes: u64,
    /// Snapshots are made by a thread of their own; otherwise between commits.
    pub background: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            snapshot_after_bytes: 16 * 1024 * 1024,
            reserve_bytes: 4 * 1024 * 1024,
            background: true,
        }
    }
}

impl LogEngine {
    /// Opens the directory, or makes it, readable by its owner only. Blocks while it reads the log.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        Self::open_on(
            Arc::new(Directory::open(path.as_ref())?),
            Options::default(),
        )
    }

    /// Opens a log on any disk.
    pub fn open_on(disk: Arc<dyn Disk>, options: Options) -> Result<Self, EngineError> {
        let path: Arc<str> = disk.path().into();
        let files = recovery::open(&*disk).map_err(|error| writer::fault(&path, &error))?;
        let recent = RecentBatches::new(files.revision);
        let writer = Writer::new(disk, options, files, recent.clone());
        let (jobs, waiting) = mpsc::sync_channel(WAITING_JOBS);
        let thread = std::thread::Builder::new().name("log-writer".to_owned());
        let thread = thread.spawn(move || writer.run(&waiting));
        let thread = thread.map_err(|error| writer::fault(&path, &error))?;
        Ok(Self {
            path,
            recent,
            jobs: Some(jobs),
            thread: Mutex::new(Some(thread)),
        })
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Result<T, EngineError> {
        let gone = || EngineError::Unavailable("the writer thread is gone".to_owned());
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.try_send(job(reply)).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => {
                EngineError::Unavailable("the writer thread is busy".to_owned())
            }
            mpsc::TrySendError::Disconnected(_) => gone(),
        })?;
        answer.await.map_err(|_| gone())
    }
}

impl Engine for LogEngine {
    fn lead<'a>(&'a self, candidate: &'a str) -> BoxFuture<'a, Result<Fence, EngineError>> {
        Box::pin(async move {
            let fence = self.ask(Job::Lead).await??;
            tracing::debug!(candidate, fence = fence.0, path = %self.path, "leads");
            Ok(fence)
        })
    }

    fn load(&self) -> BoxFuture<'_, Result<Loaded, EngineError>> {
        Box::pin(async {
            let source = self.ask(Job::Load).await??;
            rows::stream(source, self.path.clone())
        })
    }

    fn commit(
        &self,
        fence: Fence,
        group: Vec<Batch>,
    ) -> BoxFuture<'_, Result<Revision, EngineError>> {
        Box::pin(async move {
            self.ask(|reply| Job::Commit {
                fence,
                group,
                reply,
            })
            .await?
        })
    }

    fn follow(&self, from: Revision) -> BoxStream<'static, Result<Arc<Batch>, FollowError>> {
        self.recent.follow(from)
    }
}

impl Drop for LogEngine {
    /// Waits for the writer, so that the directory is free when this returns.
    fn drop(&mut self) {
        drop(self.jobs.take());
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!(path = %self.path, "the log's writer panicked");
        }
    }
}
