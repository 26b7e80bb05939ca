//! The embedded engine: redb.
//!
//! One file, one writer process (redb locks the file), one thread that commits. A group is one redb transaction with
//! one fsync: redb's single-phase commit, whose checksums find a torn write at the next open. All tables of the state
//! share one redb table, so that a group touches as few pages as it can.
//!
//! After a crash redb walks its tree once to learn which pages are free; that takes time in proportion to the file,
//! and is the price of commits that need not write that list each time.

mod error;
mod rows;
mod writer;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use redb::Database;
use state::{
    Batch, BoxFuture, BoxStream, Engine, EngineError, Fence, FollowError, Loaded, RecentBatches,
    Revision,
};
use tokio::sync::oneshot;

use error::Faults;
use writer::Job;

/// Pages that redb may keep in memory. The rows are in memory above, so this need only hold the tree's upper levels.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// State in one redb file.
pub struct RedbEngine {
    database: Arc<Database>,
    faults: Faults,
    recent: RecentBatches,
    /// Taken when dropped, which ends the thread.
    jobs: Option<mpsc::SyncSender<Job>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl RedbEngine {
    /// Opens the file, or makes it, readable by its owner only. Blocks: a file that was not closed is repaired first.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let path = path.as_ref();
        let faults = Faults::new(path);
        let is_new = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|error| faults.io(error))?;
        let database = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_file(file);
        let database = Arc::new(database.map_err(|error| faults.database(error))?);
        let revision = writer::prepare(&database, &faults)?;
        if is_new {
            sync_directory(path).map_err(|error| faults.io(error))?;
        }
        let recent = RecentBatches::new(revision);
        // One job runs and one waits: the store has one committer, `lead` comes from whoever opens next.
        let (jobs, waiting) = mpsc::sync_channel(2);
        let writer = writer::Writer::new(database.clone(), faults.clone(), recent.clone());
        let thread = std::thread::Builder::new()
            .name("redb-writer".to_owned())
            .spawn(move || writer.run(&waiting));
        let thread = thread.map_err(|error| faults.io(error))?;
        Ok(Self {
            database,
            faults,
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

impl Engine for RedbEngine {
    fn lead<'a>(&'a self, candidate: &'a str) -> BoxFuture<'a, Result<Fence, EngineError>> {
        Box::pin(async move {
            let fence = self.ask(Job::Lead).await??;
            tracing::debug!(
                candidate,
                fence = fence.0,
                path = self.faults.path(),
                "leads"
            );
            Ok(fence)
        })
    }

    fn load(&self) -> BoxFuture<'_, Result<Loaded, EngineError>> {
        Box::pin(async { rows::load(&self.database, &self.faults) })
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

impl Drop for RedbEngine {
    /// Waits for the writer, so that the file is free when this returns.
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
            tracing::error!(path = self.faults.path(), "the redb writer panicked");
        }
    }
}

/// A new file is durable only with its directory entry.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}
