//! The last step inside the container: becoming the program.
//!
//! libcontainer's own executor tells nobody that the program could not be executed, and hands on the signals that
//! Rust ignores. This one reports through a pipe which a successful `execve` closes, so that the shim knows when
//! the program itself runs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{
    Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError,
};
use nix::fcntl::OFlag;
use nix::sys::signal::SigSet;
use nix::unistd::{AccessFlags, access, pipe2};

use super::{ShimError, init};
use crate::spec::SecretEnvironment;

/// Longer than any message that is written into it.
const MAX_REPORT_BYTES: u64 = 4096;

/// What the container's first process becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstProcess {
    Program,
    /// Process 1, with the program below it.
    Init,
    /// Process 1 of those who share its namespaces.
    Sandbox,
}

#[derive(Clone)]
pub(super) struct ProgramExecutor {
    first_process: FirstProcess,
    secrets: SecretEnvironment,
    report: Arc<Mutex<Option<OwnedFd>>>,
}

/// The shim's end: hears that the program runs, or why it does not.
pub(super) struct ExecutionReport(OwnedFd);

impl ProgramExecutor {
    pub(super) fn new(
        first_process: FirstProcess,
        secrets: SecretEnvironment,
    ) -> Result<(Self, ExecutionReport), ShimError> {
        let (hear, tell) = pipe2(OFlag::O_CLOEXEC).map_err(ShimError::system("pipe"))?;
        Ok((
            Self {
                first_process,
                secrets,
                report: Arc::new(Mutex::new(Some(tell))),
            },
            ExecutionReport(hear),
        ))
    }
}

impl ExecutionReport {
    /// Waits for the `execve`. Every other copy of the executor must have been dropped in this process.
    pub(super) fn wait(self) -> Result<(), ShimError> {
        let mut message = String::new();
        let read = File::from(self.0)
            .take(MAX_REPORT_BYTES)
            .read_to_string(&mut message);
        read.map_err(ShimError::system("execution report"))?;
        if message.is_empty() {
            Ok(())
        } else {
            Err(ShimError::NotExecutable(message))
        }
    }
}

impl Executor for ProgramExecutor {
    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let report = self
            .report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if self.first_process == FirstProcess::Sandbox {
            drop(report);
            init::hold()
        }
        let failed = match Program::of(spec, &self.secrets) {
            Ok(program) if self.first_process == FirstProcess::Init => {
                match init::spawn(program.command(), report.as_ref()) {
                    Ok(child) => {
                        drop(report);
                        init::supervise(child)
                    }
                    Err(error) => program.explain(&error),
                }
            }
            Ok(program) => program.explain(&program.execute()),
            Err(message) => message,
        };
        if let Some(report) = report {
            // If this fails the shim hears that the program runs, and then that it ended at once.
            let _ = File::from(report).write_all(failed.as_bytes());
        }
        Err(ExecutorError::Other(failed))
    }

    /// Nothing here: errors are told from where they would happen.
    fn validate(&self, _spec: &Spec) -> Result<(), ExecutorValidationError> {
        Ok(())
    }

    /// Nothing here: the environment is given to `execve`.
    fn setup_envs(&self, _envs: HashMap<String, String>) -> Result<(), ExecutorSetEnvsError> {
        Ok(())
    }
}

/// A program that was found, with what it gets.
struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Program {
    fn of(spec: &Spec, secrets: &SecretEnvironment) -> Result<Self, String> {
        let process = spec
            .process()
            .as_ref()
            .ok_or("the specification has no process")?;
        let arguments = process.args().clone().unwrap_or_default();
        let entries = process.env().clone().unwrap_or_default();
        let split = |entry: &String| {
            entry
                .split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let mut environment: Vec<_> = entries.iter().filter_map(split).collect();
        environment.retain(|(name, _)| !secrets.0.iter().any(|(secret, _)| secret == name));
        environment.extend(secrets.0.iter().cloned());
        let name = arguments.first().ok_or("no command specified")?;
        let search = environment
            .iter()
            .rev()
            .find(|(name, _)| name == "PATH")
            .map_or("", |(_, value)| value);
        let path = find(name, search)?;
        Ok(Self {
            path,
            arguments,
            environment,
        })
    }

    /// Comes back only with an error.
    fn execute(&self) -> io::Error {
        // The shim's mask is inherited; nothing that it blocks is blocked for the program.
        match SigSet::all().thread_unblock() {
            Ok(()) => self.command().exec(),
            Err(errno) => errno.into(),
        }
    }

    /// The standard library resets `SIGPIPE`, which it ignores in Rust programs.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .arg0(&self.arguments[0])
            .args(&self.arguments[1..])
            .env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn explain(&self, error: &io::Error) -> String {
        // `(os error 2)` is Rust's addition; OCI runtimes do not have it.
        let text = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0))
            .desc()
            .to_lowercase();
        format!("exec {}: {text}", self.path.display())
    }
}

fn find(name: &str, search: &str) -> Result<PathBuf, String> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        return match path.metadata() {
            Ok(metadata) if metadata.is_dir() => Err(format!("exec: {name:?}: is a directory")),
            Ok(_) if !may_execute(&path) => Err(format!("exec: {name:?}: permission denied")),
            Ok(_) => Ok(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(format!("exec: {name:?}: permission denied"))
            }
            Err(_) => Err(format!(
                "exec: {name:?}: stat {name}: no such file or directory"
            )),
        };
    }
    let directories = search
        .split(':')
        .map(|directory| if directory.is_empty() { "." } else { directory });
    let candidates = directories.map(|directory| Path::new(directory).join(name));
    candidates
        .into_iter()
        .find(|path| path.is_file() && may_execute(path))
        .ok_or_else(|| format!("exec: {name:?}: executable file not found in $PATH"))
}

fn may_execute(path: &Path) -> bool {
    access(path, AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        assert_eq!(find("sh", "/nowhere:/bin").unwrap(), Path::new("/bin/sh"));
        assert_eq!(find("/bin/sh", "").unwrap(), Path::new("/bin/sh"));
        assert_eq!(
            find("nope", "/bin").unwrap_err(),
            "exec: \"nope\": executable file not found in $PATH"
        );
        assert_eq!(
            find("/nope", "/bin").unwrap_err(),
            "exec: \"/nope\": stat /nope: no such file or directory"
        );
        assert_eq!(
            find("/bin", "").unwrap_err(),
            "exec: \"/bin\": is a directory"
        );
        assert_eq!(
            find("/etc/passwd", "").unwrap_err(),
            "exec: \"/etc/passwd\": permission denied"
        );
    }
}
