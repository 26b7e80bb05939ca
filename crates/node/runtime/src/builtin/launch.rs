//! Starting shims, and talking to them while they start.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::Inner;
use crate::contract::{ContainerState, ExecOutcome, ExecRequest, Started};
use crate::disk::ContainerDirectory;
use crate::error::{ExecError, StartError};
use crate::shim::{EXEC, ExecAnswer, RUN, SUBCOMMAND, StartAnswer};

/// Larger ones are debug builds, which are not worth the memory.
const MAX_SEALED_BYTES: u64 = 64 * 1024 * 1024;
const MAX_SEAL_TRIES: u32 = 20;
/// A bound for what a shim says.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;
/// Over a command's own time, for the shim to start and to answer.
const EXEC_GRACE: Duration = Duration::from_secs(10);
/// Mounting, cloning and executing takes milliseconds; a machine may be busy.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// The binary that shims are made of.
///
/// A copy in sealed memory, because a container that finds a way to its shim's `/proc/…/exe` must not be able to
/// write to the file that the next shim, and the agent, is started from (the class of CVE-2019-5736).
pub(super) struct ShimProgram {
    path: PathBuf,
    /// Keeps the copy alive, and `path` pointing to it.
    _sealed: Option<File>,
}

impl ShimProgram {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut program = File::open(path)?;
        if program.metadata()?.len() > MAX_SEALED_BYTES {
            tracing::debug!(
                ?path,
                "the shim's program is too large to be sealed in memory"
            );
            return Ok(Self {
                path: std::fs::canonicalize(path)?,
                _sealed: None,
            });
        }
        let mut copy = File::from(memfd_create(
            "gantry-shim",
            MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING,
        )?);
        io::copy(&mut program, &mut copy)?;
        copy.rewind()?;
        seal(&copy)?;
        Ok(Self {
            path: PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd())),
            _sealed: Some(copy),
        })
    }

    fn command(&self, mode: &str, directory: &ContainerDirectory) -> Command {
        let mut command = Command::new(&self.path);
        command
            .arg0("gantry")
            .arg(SUBCOMMAND)
            .arg(mode)
            .arg(directory.path())
            .env_clear();
        command.stdout(Stdio::piped());
        command
    }
}

/// The kernel refuses to seal pages that something else holds for a moment (compaction, writeback), after it has
/// waited some 150 ms itself (`memfd_wait_for_pins`); so a busy machine gets more tries.
fn seal(copy: &File) -> io::Result<()> {
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_SEAL;
    let mut tries = 0;
    loop {
        tries += 1;
        match fcntl(copy, FcntlArg::F_ADD_SEALS(seals)) {
            Err(Errno::EBUSY) if tries < MAX_SEAL_TRIES => {}
            done => return Ok(done.map(drop)?),
        }
    }
}

impl Inner {
    pub(super) async fn start(self: Arc<Self>, id: String) -> Result<Started, StartError> {
        let missing = || StartError::NoSuchContainer(id.clone());
        let shim = |error: io::Error| StartError::Shim(error.to_string());
        let directory = self.directory(&id).ok_or_else(missing)?;
        if !directory.container().exists() {
            return Err(missing());
        }
        if directory.shim().exists() {
            return Err(StartError::AlreadyStarted(id));
        }
        let secrets = self.take_secrets(&id);
        let mut child = self
            .shim
            .command(RUN, &directory)
            .stdin(if secrets.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stderr(Stdio::null())
            .spawn()
            .map_err(shim)?;
        if let Some(mut stdin) = child.stdin.take() {
            let secrets = serde_json::to_vec(&secrets).expect("names and values are texts");
            // A shim that ended says why on its standard output.
            let _ = stdin.write_all(&secrets).await;
        }
        let mut answers = child
            .stdout
            .take()
            .expect("stdout is piped")
            .take(MAX_ANSWER_BYTES);
        let owner = Arc::clone(&self);
        let waited_for = id.clone();
        self.options.clock.spawn("shim", async move {
            // Reaps it; what it has to tell is on disk.
            let _ = child.wait().await;
            owner.watcher.poke(&waited_for);
        });
        let mut answer = Vec::new();
        let read = self
            .options
            .clock
            .timeout(START_TIMEOUT, answers.read_to_end(&mut answer))
            .await;
        read.map_err(|_| StartError::Shim("it does not answer".to_owned()))?
            .map_err(shim)?;
        match serde_json::from_slice(&answer) {
            Ok(StartAnswer::Started(started)) => Ok(started),
            Ok(StartAnswer::NotExecutable(reason)) => Err(StartError::Executable(format!(
                "unable to start container process: {reason}"
            ))),
            Ok(StartAnswer::Failed(reason)) => Err(StartError::Container(reason)),
            Err(_) => {
                let said = std::fs::read_to_string(directory.shim_errors()).unwrap_or_default();
                Err(StartError::Shim(said.trim().to_owned()))
            }
        }
    }

    pub(super) async fn exec(
        self: Arc<Self>,
        id: String,
        request: ExecRequest,
    ) -> Result<ExecOutcome, ExecError> {
        let not_running = || ExecError::NotRunning(id.clone());
        let shim = |error: io::Error| ExecError::Shim(error.to_string());
        let directory = self.directory(&id).ok_or_else(not_running)?;
        if !matches!(
            super::create::state_of(&directory),
            Ok(ContainerState::Running(_))
        ) {
            return Err(not_running());
        }
        let mut command = self.shim.command(EXEC, &directory);
        command
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(shim)?;
        let text = serde_json::to_vec(&request).expect("the request has only string keys");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin.write_all(&text).await.map_err(shim)?;
        drop(stdin);
        let timeout = Duration::from_secs(request.timeout_seconds.into()) + EXEC_GRACE;
        let output = self
            .options
            .clock
            .timeout(timeout, child.wait_with_output())
            .await;
        let output = output
            .map_err(|_| ExecError::Shim("it does not answer".to_owned()))?
            .map_err(shim)?;
        let end_of_line = output
            .stdout
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(0);
        match serde_json::from_slice(&output.stdout[..end_of_line]) {
            Ok(ExecAnswer::Ended {
                exit_code,
                timed_out,
            }) => Ok(ExecOutcome {
                exit_code,
                output: output.stdout[end_of_line + 1..].to_vec(),
                timed_out,
            }),
            Ok(ExecAnswer::Failed(reason)) => Err(ExecError::Command(reason)),
            Err(_) => Err(ExecError::Shim(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            )),
        }
    }
}
