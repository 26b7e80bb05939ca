//! The process that owns a container: this binary, executed again.
//!
//! libcontainer forks and then runs code that allocates, so it must not be called from a process with other
//! threads (a lock held by one of them would stay held in the child). And a container must not die with the agent.
//! Hence one single-threaded process a container, which is its parent, reads its output and writes down its end.

mod console;
mod devices;
mod exec;
mod executor;
mod init;
mod oci;
mod rootfs;
mod run;
mod runc;
mod sandbox;
mod seccomp;
mod users;
mod volumes;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clock::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::contract::Started;
use crate::disk::ContainerDirectory;
use crate::oci_runtime::OciRuntime;
use crate::spec::ContainerSpec;

pub(crate) use exec::ExecAnswer;
pub(crate) use run::RunningState;

/// The first argument that turns the binary into a shim.
pub const SUBCOMMAND: &str = "shim";
pub(crate) const RUN: &str = "run";
pub(crate) const EXEC: &str = "exec";

/// Call this first thing in `main`, before any thread exists: if the process was started as a shim it does that
/// work and does not come back.
pub fn dispatch_if_requested() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == SUBCOMMAND) {
        std::process::exit(main(arguments));
    }
}

/// Does a shim's work; `arguments` are those after [`SUBCOMMAND`]. The answer is the process's exit code.
pub fn main(mut arguments: impl Iterator<Item = OsString>) -> i32 {
    let (mode, directory) = (arguments.next(), arguments.next().map(PathBuf::from));
    // Executed by a descriptor's path, it would be listed under the descriptor's number.
    let _ = nix::sys::prctl::set_name(c"gantry-shim");
    let done = match (mode.as_deref().and_then(|mode| mode.to_str()), directory) {
        (Some(RUN), Some(directory)) => {
            let directory = ContainerDirectory::new(directory);
            complain_on_panic(&directory);
            run::run(&directory).inspect_err(|error| complain(&directory, &error.to_string()))
        }
        (Some(EXEC), Some(directory)) => exec::exec(&ContainerDirectory::new(directory)),
        _ => Err(ShimError::Usage),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    }
}

/// A shim has nobody to talk to: the agent may be gone. The file is made only when there is something to say.
fn complain(directory: &ContainerDirectory, text: &str) {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(directory.shim_errors());
    // There is no third place to say it.
    let _ = file.and_then(|mut file| writeln!(file, "{text}"));
}

fn complain_on_panic(directory: &ContainerDirectory) {
    let directory = directory.clone();
    std::panic::set_hook(Box::new(move |panic| {
        complain(&directory, &panic.to_string())
    }));
}

/// What the agent writes for the shim.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredContainer {
    pub spec: ContainerSpec,
    pub created_at: UnixMillis,
    /// `cgroupsPath`.
    pub group: String,
    /// Holds the layers; overlayfs gets them by names relative to it, because its options must fit into a page.
    pub layers_directory: PathBuf,
    /// The lowest first.
    pub layers: Vec<String>,
    #[serde(default)]
    pub oci_runtime: OciRuntime,
}

/// What the shim tells the agent when the container runs, or will not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StartAnswer {
    Started(Started),
    /// The program cannot be executed.
    NotExecutable(String),
    Failed(String),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ShimError {
    #[error("usage: shim run|exec DIRECTORY")]
    Usage,
    #[error("{what}: {source}")]
    System {
        what: &'static str,
        source: std::io::Error,
    },
    #[error("{0}")]
    Container(String),
    #[error("{0}")]
    NotExecutable(String),
}

impl ShimError {
    fn system<E: Into<std::io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System {
            what,
            source: source.into(),
        }
    }
}
