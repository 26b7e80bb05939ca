//! The contract between the agent and whatever runs containers.

use std::future::Future;
use std::pin::Pin;

use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::error::{CreateError, ExecError, PullError, RuntimeError, StartError};
use crate::image::{CollectedImages, Image, ImageCleanup, PullProgressSink, PullRequest};
use crate::spec::{ContainerSpec, SecretEnvironment, TaskGroup};

/// What the trait's methods answer.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs containers. Every method may be repeated: the agent is restarted under running tasks.
pub trait Runtime: Send + Sync {
    /// Fetches an image and unpacks what is not there yet. Always asks the registry what the tag means now.
    fn pull(
        &self,
        request: PullRequest,
        progress: PullProgressSink,
    ) -> BoxFuture<'_, Result<Image, PullError>>;

    /// The image as it was last pulled under this reference, if it is unpacked here.
    fn image(&self, reference: &str) -> Option<Image>;

    /// Deletes images that neither a container nor one of these references needs, as `cleanup` says. A runtime whose
    /// images are not its own deletes none.
    fn collect_images(
        &self,
        in_use: Vec<String>,
        cleanup: ImageCleanup,
    ) -> BoxFuture<'_, Result<CollectedImages, RuntimeError>> {
        let _ = (in_use, cleanup);
        Box::pin(async { Ok(CollectedImages::default()) })
    }

    /// Makes the task's control group, which bounds all containers of the task together.
    fn create_task_group(&self, group: TaskGroup) -> BoxFuture<'_, Result<(), CreateError>>;

    /// Removes the task's control group; call it after the task's containers are removed. Idempotent.
    fn remove_task_group(&self, task_id: &str) -> BoxFuture<'_, Result<(), RuntimeError>>;

    /// The ids of the tasks that have a control group, for cleaning up after a restart.
    fn list_task_groups(&self) -> BoxFuture<'_, Result<Vec<String>, RuntimeError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Writes down what is to run. No process exists yet.
    fn create(&self, spec: ContainerSpec) -> BoxFuture<'_, Result<(), CreateError>>;

    /// Runs the container's process. Answers when the program itself has been executed.
    fn start(&self, id: &str) -> BoxFuture<'_, Result<Started, StartError>>;

    /// Resolves when the container has ended, also for containers that an earlier agent started.
    fn wait(&self, id: &str) -> BoxFuture<'_, Exit>;

    /// Sends a signal (`SIGTERM`, `TERM` or `15`) to the container's first process.
    fn signal(&self, id: &str, signal: &str) -> BoxFuture<'_, Result<(), RuntimeError>>;

    /// Sends `signal`, waits up to `timeout_seconds`, kills, and answers when the container has ended.
    fn stop(
        &self,
        id: &str,
        signal: &str,
        timeout_seconds: u32,
    ) -> BoxFuture<'_, Result<Exit, RuntimeError>>;

    /// Kills what still runs and deletes everything: control group, mounts, files, log. Idempotent.
    fn remove(&self, id: &str) -> BoxFuture<'_, Result<(), RuntimeError>>;

    /// Runs one more command inside a running container.
    fn exec(&self, id: &str, request: ExecRequest)
    -> BoxFuture<'_, Result<ExecOutcome, ExecError>>;

    /// Every container on disk, with the spec it was created from.
    fn list(&self) -> BoxFuture<'_, Result<Vec<ContainerStatus>, RuntimeError>>;

    /// Reads the container's log from `from` on and follows it to its end.
    fn log_reader(&self, id: &str, from: LogCursor) -> Result<Box<dyn LogReader>, RuntimeError>;

    /// What the container uses now.
    fn stats(&self, id: &str) -> BoxFuture<'_, Result<ContainerStats, RuntimeError>>;
}

/// A container's process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The container's first process, as the host numbers it.
    pub pid: i32,
    pub started_at: UnixMillis,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// As a shell would tell it: 128 plus the signal's number when a signal ended it.
    pub code: i32,
    pub signal: Option<i32>,
    /// The kernel killed a process of this container for want of memory.
    pub oom_killed: bool,
    pub at: UnixMillis,
    /// Set when the code was not the program's own: it never started, or its end was not seen.
    pub error: Option<String>,
}

/// A container as it is found on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerStatus {
    pub id: String,
    pub spec: ContainerSpec,
    pub state: ContainerState,
}

/// Where a container is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerState {
    Created,
    Running(Started),
    Exited(Exit),
    /// It ran, and nobody can tell how it ended: the machine was restarted, or its shim was killed.
    Lost,
}

/// One more command for a running container, such as a health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    pub command: Vec<String>,
    /// `None`: the user that the container runs as.
    pub user: Option<String>,
    pub timeout_seconds: u32,
    /// The container's secret environment, which is on no disk; the rest of its environment is known.
    #[serde(default)]
    pub secret_environment: SecretEnvironment,
}

/// What became of the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecOutcome {
    pub exit_code: i32,
    /// Standard output and standard error as they came; cut after 64 KiB.
    pub output: Vec<u8>,
    /// The command was killed because its time ran out.
    pub timed_out: bool,
}

/// What a container uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStats {
    pub cpu_nanoseconds: u64,
    pub memory_bytes: u64,
    /// Page cache that the kernel can take back; Docker's figures subtract it.
    pub memory_cache_bytes: u64,
    pub memory_limit_bytes: Option<u64>,
    pub process_count: u64,
}

/// Which of the two streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogStream {
    #[serde(rename = "o")]
    Stdout,
    #[serde(rename = "e")]
    Stderr,
}

/// One line that the container wrote, without its newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub at: UnixMillis,
    pub stream: LogStream,
    pub text: String,
    /// The line goes on in the next entry of the same stream.
    pub partial: bool,
}

/// A place in a container's log. It can be stored, and it stays good until the container is removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogCursor {
    /// Number of the log file; files are numbered upwards from 0.
    pub file: u64,
    pub offset: u64,
}

impl LogCursor {
    /// The beginning: the oldest line that is still kept.
    pub const START: Self = Self { file: 0, offset: 0 };
}

/// Reads a log line by line.
pub trait LogReader: Send {
    /// The next line and the place behind it. Waits while the container runs; `None` when the log is complete and
    /// read. Safe to drop and call again.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<(LogLine, LogCursor)>, RuntimeError>>;
}
