//! Which OCI runtime makes the containers.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// Besides `PATH`, which may be a user's: where system programs are.
const SYSTEM_DIRECTORIES: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const LIBCONTAINER: &str = "libcontainer";

/// What makes, starts and deletes containers from their bundles. Either way a shim owns the container, its log and its
/// exit code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OciRuntime {
    /// The one that is compiled in.
    #[default]
    Libcontainer,
    /// A program with runc's command line.
    Program(PathBuf),
}

impl OciRuntime {
    /// `libcontainer`, or the name or path of a program, which must be there and answer `--version`.
    pub fn find(name: &str) -> io::Result<Self> {
        if name == LIBCONTAINER {
            return Ok(Self::Libcontainer);
        }
        let program = find_program(name).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("{name}: no such program"))
        })?;
        let answered = Command::new(&program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()?;
        if !answered.status.success() {
            let said = String::from_utf8_lossy(&answered.stderr).trim().to_owned();
            return Err(io::Error::other(format!("{}: {said}", program.display())));
        }
        Ok(Self::Program(program))
    }
}

/// A program by its path, or by its name in the usual directories.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return std::fs::canonicalize(name)
            .ok()
            .filter(|path| is_program(path));
    }
    let search = std::env::var("PATH").unwrap_or_default();
    let directories = search.split(':').chain(SYSTEM_DIRECTORIES.split(':'));
    let mut candidates = directories
        .filter(|directory| directory.starts_with('/'))
        .map(|directory| Path::new(directory).join(name));
    candidates.find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_are_found_and_asked() {
        assert_eq!(
            OciRuntime::find("libcontainer").unwrap(),
            OciRuntime::Libcontainer
        );
        let missing = OciRuntime::find("no-such-runtime").unwrap_err();
        assert_eq!(missing.to_string(), "no-such-runtime: no such program");
        assert!(
            OciRuntime::find("false").is_err(),
            "it does not answer --version"
        );
        assert_eq!(find_program("/etc/passwd"), None);
    }
}
