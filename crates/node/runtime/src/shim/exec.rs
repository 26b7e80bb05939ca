//! `shim exec`: runs one more command inside a running container.
//!
//! The request comes on standard input. The answer goes to standard output: a line of JSON, then the command's
//! output as it is.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use clock::Clock;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::executor::{FirstProcess, ProgramExecutor};
use super::run::{self, OCI_ID};
use super::runc::{ExecOrder, Runc};
use super::users::ResolvedUser;
use super::{ShimError, StoredContainer};
use crate::contract::ExecRequest;
use crate::disk::{ContainerDirectory, read_json};
use crate::error::with_causes;
use crate::oci_runtime::OciRuntime;
use crate::root::Root;
use crate::spec::SecretEnvironment;

/// As much as Docker keeps of a health check's output, and a little more for who looks.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// The line before the output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExecAnswer {
    Ended { exit_code: i32, timed_out: bool },
    Failed(String),
}

pub(super) fn exec(directory: &ContainerDirectory) -> Result<(), ShimError> {
    let mut request = String::new();
    io::stdin()
        .read_to_string(&mut request)
        .map_err(ShimError::system("request"))?;
    let request: ExecRequest = serde_json::from_str(&request)
        .map_err(|error| ShimError::Container(format!("invalid request: {error}")))?;
    let (answer, output) = match run_command(directory, &request) {
        Ok((answer, output)) => (answer, output),
        Err(error) => (ExecAnswer::Failed(error.to_string()), Vec::new()),
    };
    let mut stdout = io::stdout().lock();
    let mut text = serde_json::to_vec(&answer).expect("the answer has only string keys");
    text.push(b'\n');
    stdout
        .write_all(&text)
        .and_then(|()| stdout.write_all(&output))
        .and_then(|()| stdout.flush())
        .map_err(ShimError::system("answer"))
}

fn run_command(
    directory: &ContainerDirectory,
    request: &ExecRequest,
) -> Result<(ExecAnswer, Vec<u8>), ShimError> {
    let clock = Clock::system();
    let config = run::read_config(directory.path())?;
    let user = user_of(directory, request, &config)?;
    let working_directory = config["process"]["cwd"].as_str().unwrap_or("/").to_owned();
    let container: StoredContainer = read_json(&directory.container())
        .map_err(ShimError::system("container.json"))?
        .ok_or_else(|| ShimError::Container("there is no such container".to_owned()))?;
    let signals = run::watch_children()?;
    let (output, container_output) = run::pipe()?;
    let errors = container_output
        .try_clone()
        .map_err(ShimError::system("pipe"))?;
    let secrets = request.secret_environment.clone();
    let order = ExecOrder {
        command: &request.command,
        user: &user,
        working_directory: &working_directory,
        output: container_output,
        errors,
    };
    let pid = match &container.oci_runtime {
        OciRuntime::Libcontainer => start(directory, order, secrets)?,
        OciRuntime::Program(program) => {
            nix::sys::prctl::set_child_subreaper(true).map_err(ShimError::system("subreaper"))?;
            Runc { program, directory }.exec(order)?
        }
    };
    let mut command = Command {
        pid: Pid::from_raw(pid),
        output: Some(output.into()),
        collected: Vec::new(),
    };
    let deadline = clock.monotonic() + Duration::from_secs(request.timeout_seconds.into());
    let answer = command.supervise(&clock, deadline, &signals)?;
    Ok((answer, command.collected))
}

fn start(
    directory: &ContainerDirectory,
    order: ExecOrder<'_>,
    secrets: SecretEnvironment,
) -> Result<i32, ShimError> {
    let (executor, report) = ProgramExecutor::new(FirstProcess::Program, secrets)?;
    let failed =
        |error: libcontainer::error::LibcontainerError| ShimError::Container(with_causes(&error));
    let built = ContainerBuilder::new(OCI_ID.to_owned(), SyscallType::default())
        .with_executor(executor)
        .with_root_path(directory.path())
        .map_err(failed)?
        .with_stdout(order.output)
        .with_stderr(order.errors)
        .as_tenant()
        .with_container_args(order.command.to_vec())
        .with_cwd(Some(order.working_directory))
        .with_user(Some(order.user.uid))
        .with_group(Some(order.user.gid))
        .with_additional_gids(order.user.additional_gids.clone())
        .with_detach(false)
        .build();
    // The program's own complaint says more than libcontainer's about the same.
    report.wait()?;
    Ok(built.map_err(failed)?.as_raw())
}

struct Command {
    pid: Pid,
    output: Option<File>,
    collected: Vec<u8>,
}

impl Command {
    fn supervise(
        &mut self,
        clock: &Clock,
        deadline: Duration,
        signals: &nix::sys::signalfd::SignalFd,
    ) -> Result<ExecAnswer, ShimError> {
        let mut timed_out = false;
        loop {
            let left = deadline.saturating_sub(clock.monotonic());
            if left.is_zero() && !timed_out {
                timed_out = true;
                // It may have ended just now, and is reaped below either way.
                let _ = kill(self.pid, Signal::SIGKILL);
            }
            let timeout = if timed_out {
                PollTimeout::NONE
            } else {
                timeout(left)
            };
            self.poll(signals, timeout)?;
            while let Ok(Some(_)) = signals.read_signal() {}
            match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(_, exit_code)) => return Ok(self.ended(exit_code, timed_out)),
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    return Ok(self.ended(128 + signal as i32, timed_out));
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(ShimError::system("wait")(errno)),
            }
        }
    }

    /// Takes what is in the pipe, but does not wait for its end: something in the background may hold it open.
    fn ended(&mut self, exit_code: i32, timed_out: bool) -> ExecAnswer {
        while let Some(output) = &self.output {
            let mut descriptors = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut descriptors, PollTimeout::ZERO), Ok(1..)) {
                break;
            }
            self.read();
        }
        ExecAnswer::Ended {
            exit_code,
            timed_out,
        }
    }

    fn poll(
        &mut self,
        signals: &nix::sys::signalfd::SignalFd,
        timeout: PollTimeout,
    ) -> Result<(), ShimError> {
        let readable = {
            let mut descriptors = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
            descriptors.extend(
                self.output
                    .as_ref()
                    .map(|output| PollFd::new(output.as_fd(), PollFlags::POLLIN)),
            );
            match poll(&mut descriptors, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(ShimError::system("poll")(errno)),
            }
            descriptors
                .get(1)
                .is_some_and(|output| output.any().unwrap_or(false))
        };
        if readable {
            self.read();
        }
        Ok(())
    }

    fn read(&mut self) {
        let Some(output) = &mut self.output else {
            return;
        };
        let mut buffer = [0; 4096];
        match output.read(&mut buffer) {
            Ok(0) | Err(_) => self.output = None,
            Ok(length) => {
                let room = MAX_OUTPUT_BYTES - self.collected.len();
                self.collected
                    .extend_from_slice(&buffer[..length.min(room)]);
            }
        }
    }
}

/// Rounded up, so that the deadline has passed when it is over.
fn timeout(left: Duration) -> PollTimeout {
    let milliseconds = u64::try_from(left.as_millis())
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

fn user_of(
    directory: &ContainerDirectory,
    request: &ExecRequest,
    config: &Value,
) -> Result<ResolvedUser, ShimError> {
    let Some(user) = &request.user else {
        let own = &config["process"]["user"];
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let additional = own["additionalGids"].as_array().into_iter().flatten();
        return Ok(ResolvedUser {
            uid: number(&own["uid"]).unwrap_or(0),
            gid: number(&own["gid"]).unwrap_or(0),
            additional_gids: additional.filter_map(number).collect(),
            home: String::new(),
        });
    };
    // The root file system is mounted in the container's namespace only; `/proc` leads there.
    let state: run::RunningState = read_json(&directory.state())
        .map_err(ShimError::system("state.json"))?
        .ok_or_else(|| ShimError::Container("the container does not run".to_owned()))?;
    let path = PathBuf::from(format!("/proc/{}/root", state.identity.pid));
    run::resolve_user(
        &Root::open(&path).map_err(ShimError::system("rootfs"))?,
        Some(user),
    )
}
