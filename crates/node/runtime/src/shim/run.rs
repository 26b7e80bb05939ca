//! `shim run`: makes the container, copies its output to the log, waits for its end and writes it down.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use clock::Clock;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stdout, pipe2, setsid};

use super::console::Console;
use super::executor::{FirstProcess, ProgramExecutor};
use super::oci::Surroundings;
use super::runc::{self, Runc};
use super::sandbox::{self, Joined};
use super::users::{self, ResolvedUser};
use super::{ShimError, StartAnswer, StoredContainer, devices, oci, rootfs, volumes};
use crate::cgroup::{Group, Hierarchies};
use crate::contract::{Exit, LogStream, Started};
use crate::disk::{ContainerDirectory, Durability, create_json, read_json, write_json};
use crate::error::with_causes;
use crate::logs::{LogWriter, RotationLimits};
use crate::oci_runtime::OciRuntime;
use crate::process::ProcessIdentity;
use crate::root::Root;
use crate::spec::{ContainerSpec, Role, SecretEnvironment};

/// libcontainer's name for the container, and for its directory in ours; so any name does.
pub(super) const OCI_ID: &str = "oci";
const OUTPUT_BYTES: usize = 64 * 1024;
/// When the container has ended its output ends too; this only bounds how long something odd can hold it open.
const DRAIN_MILLISECONDS: u16 = 1_000;
/// Docker's and runc's code for a container that could not be started.
const CANNOT_START_CODE: i32 = 128;
/// A shell's codes for a program that is missing or may not be executed.
const NOT_FOUND_CODE: i32 = 127;

/// The shim's whole life.
pub(super) fn run(directory: &ContainerDirectory) -> Result<(), ShimError> {
    let clock = Clock::system();
    let container: StoredContainer = read_json(&directory.container())
        .map_err(ShimError::system("container.json"))?
        .ok_or_else(|| ShimError::Container("there is no such container".to_owned()))?;
    let secrets = read_secrets()?;
    // A terminal or an interrupt of the agent's session is none of ours. It fails when we lead one already.
    let _ = setsid();
    let identity =
        ProcessIdentity::of_this_process().map_err(ShimError::system("shim identity"))?;
    create_json(&directory.shim(), &identity).map_err(ShimError::system("shim.json"))?;
    nix::sys::prctl::set_child_subreaper(true).map_err(ShimError::system("subreaper"))?;
    let group = Group::new(&container.group);
    let exit = match launch(directory, &container, secrets, &clock) {
        Ok(running) => {
            answer(&StartAnswer::Started(running.started));
            running.supervise(&clock, &group)
        }
        Err(error) => {
            answer(&match &error {
                ShimError::NotExecutable(reason) => StartAnswer::NotExecutable(reason.clone()),
                other => StartAnswer::Failed(other.to_string()),
            });
            let code = if matches!(error, ShimError::NotExecutable(_)) {
                NOT_FOUND_CODE
            } else {
                CANNOT_START_CODE
            };
            Exit {
                code,
                signal: None,
                oom_killed: false,
                at: clock.now(),
                error: Some(error.to_string()),
            }
        }
    };
    write_json(&directory.exit(), &exit, Durability::Synced)
        .map_err(ShimError::system("exit.json"))?;
    forget(directory, &container);
    group.remove().map_err(ShimError::system("control group"))
}

/// What the agent has for the program and writes nowhere, as JSON on standard input; which is then closed for good.
fn read_secrets() -> Result<SecretEnvironment, ShimError> {
    let mut text = Vec::new();
    let read = io::stdin().read_to_end(&mut text);
    read.map_err(ShimError::system("secrets"))?;
    let nothing = File::open("/dev/null").map_err(ShimError::system("/dev/null"))?;
    nix::unistd::dup2_stdin(&nothing).map_err(ShimError::system("standard input"))?;
    if text.is_empty() {
        return Ok(SecretEnvironment::default());
    }
    let secrets = serde_json::from_slice(&text);
    secrets.map_err(|_| ShimError::Container("the secrets cannot be read".to_owned()))
}

/// What an OCI runtime of its own keeps goes with the container's directory at the latest.
fn forget(directory: &ContainerDirectory, container: &StoredContainer) {
    if let OciRuntime::Program(program) = &container.oci_runtime
        && directory.state().exists()
        && let Err(error) = (Runc { program, directory }).delete(false)
    {
        super::complain(directory, &error.to_string());
    }
}

/// A container whose program runs.
struct Running {
    started: Started,
    signals: SignalFd,
    /// Kept open for the container's sake.
    _stdin: Option<OwnedFd>,
    stdout: Option<File>,
    stderr: Option<File>,
    log: LogWriter,
    directory: ContainerDirectory,
}

fn launch(
    directory: &ContainerDirectory,
    container: &StoredContainer,
    secrets: SecretEnvironment,
    clock: &Clock,
) -> Result<Running, ShimError> {
    let log = LogWriter::create(directory.clone(), RotationLimits::default())
        .map_err(ShimError::system("log"))?;
    let network = container
        .spec
        .network_namespace
        .as_deref()
        .map(File::open)
        .transpose();
    let network = network.map_err(ShimError::system("network namespace"))?;
    let sandbox = Joined::find(directory, &container.spec)?;
    rootfs::enter_own_mounts(sandbox.as_ref())?;
    if let Role::Sandbox(held) = &container.spec.role {
        sandbox::make(directory, held)?;
    }
    rootfs::mount_overlay(directory, container, sandbox.as_ref())?;
    write_config(directory, container, network.as_ref(), sandbox.as_ref())?;

    let signals = watch_children()?;
    let (stdout, container_stdout) = pipe()?;
    let (stderr, container_stderr) = pipe()?;
    let console = container.spec.terminal.then(|| Console::listen(directory));
    let console = console.transpose()?;
    let (stdin, container_stdin) = if container.spec.keep_stdin_open {
        let (container_stdin, stdin) = pipe()?;
        (Some(stdin), Some(container_stdin))
    } else {
        (None, None)
    };
    let streams = Streams {
        stdin: container_stdin,
        stdout: container_stdout,
        stderr: container_stderr,
        console: console.as_ref().map(Console::path),
    };
    let pid = match &container.oci_runtime {
        OciRuntime::Libcontainer => {
            create_and_start(directory, first_process(&container.spec), secrets, streams)?
        }
        OciRuntime::Program(program) => Runc { program, directory }.create_and_start(streams)?,
    };
    // Reached by whoever runs out of memory, the shim is the last that should go: its container would be lost.
    let _ = fs::write("/proc/self/oom_score_adj", "-999");
    let started = Started {
        pid,
        started_at: clock.now(),
    };
    let identity = ProcessIdentity::of(pid);
    // It may have ended already; then its end is told by the exit alone.
    if let Ok(identity) = identity {
        let state = RunningState { identity, started };
        write_json(&directory.state(), &state, Durability::ThisBoot)
            .map_err(ShimError::system("state.json"))?;
    }
    let (stdout, stderr) = match console {
        Some(console) => (console.receive()?, None),
        None => (stdout, Some(stderr)),
    };
    Ok(Running {
        started,
        signals,
        _stdin: stdin,
        stdout: Some(stdout.into()),
        stderr: stderr.map(File::from),
        log,
        directory: directory.clone(),
    })
}

/// `state.json`.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct RunningState {
    pub identity: ProcessIdentity,
    pub started: Started,
}

/// The container's ends.
pub(super) struct Streams {
    /// `None`: at its end.
    pub stdin: Option<OwnedFd>,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
    /// Where the terminal goes, if the program gets one in place of all of them.
    pub console: Option<PathBuf>,
}

fn first_process(spec: &ContainerSpec) -> FirstProcess {
    match spec.role {
        Role::Sandbox(_) => FirstProcess::Sandbox,
        Role::Program if spec.init => FirstProcess::Init,
        Role::Program => FirstProcess::Program,
    }
}

fn write_config(
    directory: &ContainerDirectory,
    container: &StoredContainer,
    network: Option<&File>,
    sandbox: Option<&Joined>,
) -> Result<(), ShimError> {
    let root = Root::open(&directory.rootfs()).map_err(ShimError::system("rootfs"))?;
    let user = resolve_user(&root, container.spec.user.as_deref())?;
    // As Docker does when it is not in the image.
    root.make_directory(Path::new(oci::working_directory(&container.spec)))
        .map_err(ShimError::system("working directory"))?;
    // The paths that the agent knows lead nowhere from in here; the descriptors still do.
    let owner = match container.oci_runtime {
        OciRuntime::Libcontainer => "self".to_owned(),
        OciRuntime::Program(_) => std::process::id().to_string(),
    };
    let path = |file: &File| format!("/proc/{owner}/fd/{}", file.as_raw_fd());
    let init = match container.oci_runtime {
        OciRuntime::Program(_) if container.spec.init => Some(runc::init_program()?),
        _ => None,
    };
    let surroundings = Surroundings {
        network: network.map(path),
        pid: sandbox.map(|sandbox| path(&sandbox.pid_namespace)),
        ipc: sandbox.map(|sandbox| path(&sandbox.ipc_namespace)),
        shared_memory: sandbox.map(Joined::shared_memory),
        storage: sandbox.and_then(Joined::storage),
        devices: devices::nodes(&container.spec.devices)?,
        init,
    };
    if container.oci_runtime == OciRuntime::Libcontainer
        && Hierarchies::of_this_machine().is_unified()
    {
        devices::check_whole(&container.spec.devices)?;
    }
    for mount in &container.spec.mounts {
        if let (true, Some(storage)) = (mount.source.is_relative(), &surroundings.storage) {
            sandbox::make_directory(&storage.join(&mount.source))?;
        }
        if mount.copy_from_image {
            let source = oci::mount_source(mount, &surroundings);
            sandbox::make_directory(&source)?;
            volumes::fill(&root, &mount.destination, &source)?;
        }
    }
    let config = oci::config(
        &container.spec,
        &user,
        &container.group,
        &directory.rootfs(),
        &surroundings,
    );
    write_json(&directory.config(), &config, Durability::ThisBoot)
        .map_err(ShimError::system("config.json"))
}

pub(super) fn resolve_user(root: &Root, user: Option<&str>) -> Result<ResolvedUser, ShimError> {
    let read = |path| {
        root.read(path)
            .map_err(ShimError::system("the image's accounts"))
    };
    users::resolve(user, &read("etc/passwd")?, &read("etc/group")?).map_err(ShimError::Container)
}

fn create_and_start(
    directory: &ContainerDirectory,
    first_process: FirstProcess,
    secrets: SecretEnvironment,
    streams: Streams,
) -> Result<i32, ShimError> {
    let (executor, report) = ProgramExecutor::new(first_process, secrets)?;
    let failed =
        |error: libcontainer::error::LibcontainerError| ShimError::Container(with_causes(&error));
    let mut builder = ContainerBuilder::new(OCI_ID.to_owned(), SyscallType::default())
        .with_executor(executor)
        .with_root_path(directory.path())
        .map_err(failed)?;
    builder = match streams.console {
        Some(console) => builder.with_console_socket(Some(console)),
        None => builder
            .with_stdout(streams.stdout)
            .with_stderr(streams.stderr),
    };
    if let Some(stdin) = streams.stdin {
        builder = builder.with_stdin(stdin);
    }
    let mut container = builder
        .as_init(directory.path())
        .with_systemd(false)
        .as_sibling(false)
        .build()
        .map_err(failed)?;
    let pid = container
        .pid()
        .ok_or_else(|| ShimError::Container("the container has no process".to_owned()))?;
    container.start().map_err(failed)?;
    report.wait()?;
    Ok(pid.as_raw())
}

pub(super) fn pipe() -> Result<(OwnedFd, OwnedFd), ShimError> {
    pipe2(OFlag::O_CLOEXEC).map_err(ShimError::system("pipe"))
}

pub(super) fn watch_children() -> Result<SignalFd, ShimError> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    // Who ends the agent's session means the agent: a shim goes when its container has gone.
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM] {
        set.add(signal);
    }
    set.thread_block()
        .map_err(ShimError::system("signal mask"))?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .map_err(ShimError::system("signalfd"))
}

/// Tells the agent, which may be gone, and lets go of the pipe to it.
fn answer(answer: &StartAnswer) {
    let text = serde_json::to_vec(answer).expect("the answer has only string keys");
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(&text).and_then(|()| stdout.flush());
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        let _ = dup2_stdout(null.as_fd());
    }
}

impl Running {
    fn supervise(mut self, clock: &Clock, group: &Group<'_>) -> Exit {
        // It may have ended while nobody listened.
        let mut timeout = PollTimeout::ZERO;
        loop {
            self.poll(timeout, clock);
            timeout = PollTimeout::NONE;
            if let Some(status) = self.reap() {
                let at = clock.now();
                let oom_killed = group.oom_kills() > 0;
                self.drain(clock);
                let (code, signal) = match status {
                    WaitStatus::Signaled(_, signal, _) => {
                        (128 + signal as i32, Some(signal as i32))
                    }
                    WaitStatus::Exited(_, code) => (code, None),
                    _ => (0, None),
                };
                return Exit {
                    code,
                    signal,
                    oom_killed,
                    at,
                    error: None,
                };
            }
        }
    }

    /// Reaps everything, for orphans of `exec` come here; answers when it was the container's first process.
    fn reap(&mut self) -> Option<WaitStatus> {
        while let Ok(Some(_)) = self.signals.read_signal() {}
        let mut ended = None;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(status @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..)))
                    if status.pid() == Some(Pid::from_raw(self.started.pid)) =>
                {
                    ended = Some(status);
                }
                Ok(WaitStatus::StillAlive) => return ended,
                Err(Errno::EINTR) | Ok(_) => {}
                Err(_) => return ended,
            }
        }
    }

    /// Waits for output or for the end of a process, and copies the output. Tells whether anything came.
    fn poll(&mut self, timeout: PollTimeout, clock: &Clock) -> bool {
        let closed: Option<BorrowedFd<'_>> = None;
        let output_ready = {
            let stdout = self.stdout.as_ref().map(AsFd::as_fd).or(closed);
            let stderr = self.stderr.as_ref().map(AsFd::as_fd).or(closed);
            let signals = self.signals.as_fd();
            let mut descriptors: Vec<PollFd<'_>> = [Some(signals), stdout, stderr]
                .into_iter()
                .flatten()
                .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
                .collect();
            match poll(&mut descriptors, timeout) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(Errno::EINTR) => return true,
                Err(_) => return false,
            }
            let ready = |at: usize| {
                descriptors
                    .get(at)
                    .is_some_and(|descriptor| descriptor.any().unwrap_or(false))
            };
            let stderr_at = if stdout.is_some() { 2 } else { 1 };
            [
                stdout.is_some() && ready(1),
                stderr.is_some() && ready(stderr_at),
            ]
        };
        if output_ready[0] {
            self.copy(LogStream::Stdout, clock);
        }
        if output_ready[1] {
            self.copy(LogStream::Stderr, clock);
        }
        true
    }

    fn drain(&mut self, clock: &Clock) {
        while self.stdout.is_some() || self.stderr.is_some() {
            if !self.poll(PollTimeout::from(DRAIN_MILLISECONDS), clock) {
                break;
            }
            while let Ok(Some(_)) = self.signals.read_signal() {}
        }
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let written = self.log.end_stream(stream, clock.now());
            self.report(written);
        }
    }

    fn copy(&mut self, stream: LogStream, clock: &Clock) {
        let pipe = match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        };
        let Some(file) = pipe else { return };
        let mut buffer = [0; OUTPUT_BYTES];
        match file.read(&mut buffer) {
            Ok(0) => *pipe = None,
            Ok(length) => {
                let written = self.log.write(stream, &buffer[..length], clock.now());
                self.report(written);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => *pipe = None,
        }
    }

    /// A full disk must not stop the container; it costs lines, which is said.
    fn report(&self, written: io::Result<()>) {
        if let Err(error) = written {
            super::complain(&self.directory, &format!("log: {error}"));
        }
    }
}

/// The configuration that the container was started with.
pub(super) fn read_config(directory: &Path) -> Result<serde_json::Value, ShimError> {
    read_json(&ContainerDirectory::new(directory.to_owned()).config())
        .map_err(ShimError::system("config.json"))?
        .ok_or_else(|| ShimError::Container("the container was not started".to_owned()))
}
