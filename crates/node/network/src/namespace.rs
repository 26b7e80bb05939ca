//! Named network namespaces, laid out as iproute2 does (`ip netns` sees them).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::NetworkError;
use crate::netlink::Netlink;

const DIRECTORY: &str = "/run/netns";
/// A task id is 32 characters; this is only so that no file name gets out of bounds.
const MAX_TASK_ID_LENGTH: usize = 128;

/// Where a task's namespace is bound.
pub(crate) fn path(name: &str, task_id: &str) -> Result<PathBuf, NetworkError> {
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    if task_id.is_empty() || task_id.len() > MAX_TASK_ID_LENGTH || !task_id.chars().all(allowed) {
        return Err(NetworkError::InvalidTaskId(task_id.to_owned()));
    }
    Ok(Path::new(DIRECTORY).join(format!("{name}-{task_id}")))
}

/// Makes `/run/netns` a shared mount of its own, so that namespaces bound in it are seen, and given up, by
/// every process whatever mount namespace it is in.
pub(crate) fn ensure_directory() -> Result<(), NetworkError> {
    let directory = Path::new(DIRECTORY);
    fs::create_dir_all(directory).map_err(|source| file_error(directory, source))?;
    // Two agents that start at once would otherwise mount it twice.
    let locked = File::open(directory).map_err(|source| file_error(directory, source))?;
    let _lock = Flock::lock(locked, FlockArg::LockExclusive)
        .map_err(|(_, errno)| file_error(directory, errno.into()))?;
    let share = || {
        mount(
            None::<&str>,
            directory,
            None::<&str>,
            MsFlags::MS_SHARED | MsFlags::MS_REC,
            None::<&str>,
        )
    };
    match share() {
        Err(Errno::EINVAL) => {
            let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(
                Some(directory),
                directory,
                None::<&str>,
                flags,
                None::<&str>,
            )
            .and_then(|()| share())
        }
        done => done,
    }
    .map_err(|errno| file_error(directory, errno.into()))
}

/// A new namespace bound at `path`, and a socket that configures it.
pub(crate) fn create(path: &Path) -> Result<(File, Netlink), NetworkError> {
    File::create_new(path).map_err(|source| file_error(path, source))?;
    // Only a thread of its own may leave the host's namespace: the pool's threads are used again.
    let made = std::thread::scope(|scope| scope.spawn(|| create_on_this_thread(path)).join());
    made.map_err(|_| NetworkError::Panicked)?.inspect_err(|_| {
        let _ = remove(path);
    })
}

/// Unbinds and unlinks; a path where nothing is, is fine.
pub(crate) fn remove(path: &Path) -> Result<(), NetworkError> {
    // EINVAL: there is a file but nothing is mounted on it.
    match umount2(path, MntFlags::MNT_DETACH) {
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
        Err(errno) => return Err(file_error(path, errno.into())),
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path, error)),
        _ => Ok(()),
    }
}

/// The task ids behind the namespaces of this name.
pub(crate) fn list(name: &str) -> Result<Vec<String>, NetworkError> {
    let prefix = format!("{name}-");
    let entries = match fs::read_dir(DIRECTORY) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_error(Path::new(DIRECTORY), error)),
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names
        .filter_map(|file| file.strip_prefix(&prefix).map(str::to_owned))
        .collect())
}

fn create_on_this_thread(path: &Path) -> Result<(File, Netlink), NetworkError> {
    const OWN_NAMESPACE: &str = "/proc/thread-self/ns/net";
    unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| NetworkError::System {
        what: "unshare",
        source: errno.into(),
    })?;
    mount(
        Some(OWN_NAMESPACE),
        path,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .map_err(|errno| file_error(path, errno.into()))?;
    let namespace =
        File::open(OWN_NAMESPACE).map_err(|source| file_error(Path::new(OWN_NAMESPACE), source))?;
    Ok((namespace, Netlink::open()?))
}

fn file_error(path: &Path, source: io::Error) -> NetworkError {
    NetworkError::File {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_the_directory() {
        assert_eq!(
            path("gantry", "0af1").unwrap(),
            Path::new("/run/netns/gantry-0af1")
        );
        for id in ["", "../x", "a/b", "a.b", &"x".repeat(129)] {
            assert!(
                matches!(path("gantry", id), Err(NetworkError::InvalidTaskId(_))),
                "{id}"
            );
        }
    }

    #[test]
    fn removing_what_is_not_there_is_fine() {
        remove(&path("gantry-test", "never-made").unwrap()).unwrap();
    }
}
