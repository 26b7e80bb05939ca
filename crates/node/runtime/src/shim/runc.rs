//! Making containers with a program that has runc's command line, on the bundle that libcontainer gets too.
//!
//! The program comes and goes: the container's first process becomes this shim's child as its next living ancestor that
//! adopts, so that log, exit code and lifetime are owned as with libcontainer.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::SigSet;
use serde::Deserialize;

use super::ShimError;
use super::run::{OCI_ID, Streams};
use super::users::ResolvedUser;
use crate::disk::ContainerDirectory;
use crate::oci_runtime::find_program;

/// What precedes the reason that the program cannot be executed.
const START_FAILED: &str = "unable to start container process: ";
/// Debian's and Docker's names of the small init that Docker uses too.
const INIT_PROGRAMS: [&str; 2] = ["docker-init", "tini-static"];
/// A bound for what is read of a log.
const MAX_LOG_LINES: usize = 1_000;

/// The program, for one container.
pub(super) struct Runc<'a> {
    pub program: &'a Path,
    pub directory: &'a ContainerDirectory,
}

/// A command inside the container.
pub(super) struct ExecOrder<'a> {
    pub command: &'a [String],
    pub user: &'a ResolvedUser,
    pub working_directory: &'a str,
    pub output: OwnedFd,
    pub errors: OwnedFd,
}

/// The program that becomes process 1 of containers that want an init; it must be static, for the image has its own
/// libraries or none.
pub(super) fn init_program() -> Result<PathBuf, ShimError> {
    let found = INIT_PROGRAMS.iter().find_map(|name| find_program(name));
    found.ok_or_else(|| {
        ShimError::Container(format!(
            "initProcessEnabled needs one of {} on this node when --oci-runtime is not libcontainer",
            INIT_PROGRAMS.join(", ")
        ))
    })
}

impl Runc<'_> {
    /// Creates the container and runs its program; answers its process as the host numbers it.
    pub(super) fn create_and_start(&self, streams: Streams) -> Result<i32, ShimError> {
        fs::create_dir_all(self.directory.oci_runtime_file(""))
            .map_err(ShimError::system("oci-runtime"))?;
        let pid_file = self.directory.oci_runtime_file("pid");
        let log = self.directory.oci_runtime_file("log");
        let mut create = self.command(&log);
        create
            .args(["create", "--bundle"])
            .arg(self.directory.path())
            .arg("--pid-file")
            .arg(&pid_file);
        if let Some(console) = &streams.console {
            create.arg("--console-socket").arg(console);
        }
        create
            .arg(OCI_ID)
            .stdin(streams.stdin.map_or_else(Stdio::null, Stdio::from))
            .stdout(streams.stdout)
            .stderr(streams.stderr);
        run(create, &log)?;
        let pid = read_pid(&pid_file)?;
        let mut start = self.command(&log);
        start.args(["start", OCI_ID]);
        silence(&mut start);
        if let Err(error) = run(start, &log) {
            self.delete(true)?;
            return Err(error);
        }
        Ok(pid)
    }

    /// Starts one more command; the caller adopts orphans, and this one becomes its child.
    pub(super) fn exec(&self, order: ExecOrder<'_>) -> Result<i32, ShimError> {
        let name = |kind: &str| {
            let file = format!("exec-{}.{kind}", std::process::id());
            self.directory.oci_runtime_file(&file)
        };
        let (pid_file, log) = (name("pid"), name("log"));
        let mut command = self.command(&log);
        command
            .args(["exec", "--detach", "--pid-file"])
            .arg(&pid_file)
            .args(["--cwd", order.working_directory])
            .args(["--user", &format!("{}:{}", order.user.uid, order.user.gid)]);
        for gid in &order.user.additional_gids {
            command.args(["--additional-gids", &gid.to_string()]);
        }
        command
            .arg(OCI_ID)
            .args(order.command)
            .stdin(Stdio::null())
            .stdout(order.output)
            .stderr(order.errors);
        let started = run(command, &log).and_then(|()| read_pid(&pid_file));
        for file in [pid_file, log] {
            // Whatever is left goes with the container.
            let _ = fs::remove_file(file);
        }
        started
    }

    /// Forgets the container, which has ended or, with `force`, is ended.
    pub(super) fn delete(&self, force: bool) -> Result<(), ShimError> {
        let log = self.directory.oci_runtime_file("log");
        let mut command = self.command(&log);
        command.arg("delete");
        if force {
            command.arg("--force");
        }
        command.arg(OCI_ID);
        silence(&mut command);
        run(command, &log)
    }

    fn command(&self, log: &Path) -> Command {
        let mut command = Command::new(self.program);
        command
            .env_clear()
            .arg("--root")
            .arg(self.directory.oci_runtime_file("state"))
            .arg("--log")
            .arg(log)
            .args(["--log-format", "json"]);
        command
    }
}

fn silence(command: &mut Command) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
}

fn run(command: Command, log: &Path) -> Result<(), ShimError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = spawn(command).and_then(|mut child| child.wait());
    let status = ended.map_err(|error| ShimError::Container(format!("{program}: {error}")))?;
    if status.success() {
        return Ok(());
    }
    let said = last_error(log).unwrap_or_else(|| format!("{program} ended with {status}"));
    match said.split_once(START_FAILED) {
        Some((_, reason)) if reason.starts_with("exec") => {
            Err(ShimError::NotExecutable(reason.to_owned()))
        }
        _ => Err(ShimError::Container(said)),
    }
}

/// Nothing that the shim blocks may be blocked for the program, which hands it on to the container.
fn spawn(mut command: Command) -> io::Result<Child> {
    let mask = SigSet::thread_get_mask()?;
    SigSet::all().thread_unblock()?;
    let spawned = command.spawn();
    mask.thread_set_mask()?;
    spawned
}

fn read_pid(file: &Path) -> Result<i32, ShimError> {
    let text = fs::read_to_string(file).map_err(ShimError::system("pid file"))?;
    text.trim()
        .parse()
        .map_err(|_| ShimError::Container(format!("the OCI runtime's pid file says {text:?}")))
}

#[derive(Deserialize)]
struct LogLine {
    level: String,
    msg: String,
}

/// The last thing that it complained about.
fn last_error(log: &Path) -> Option<String> {
    let lines = BufReader::new(File::open(log).ok()?).lines();
    let messages = lines
        .take(MAX_LOG_LINES)
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<LogLine>(&line).ok())
        .filter(|line| matches!(line.level.as_str(), "error" | "fatal" | "panic"));
    messages.last().map(|line| line.msg.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_complaint_counts() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        fs::write(
            &log,
            "{\"level\":\"warning\",\"msg\":\"a\",\"time\":\"t\"}\n{\"level\":\"error\",\"msg\":\"b\\n\"}\nno json\n",
        )
        .unwrap();
        assert_eq!(last_error(&log).as_deref(), Some("b"));
        let mut failing = Command::new("false");
        failing.env_clear();
        assert_eq!(run(failing, &log).unwrap_err().to_string(), "b");
    }
}
