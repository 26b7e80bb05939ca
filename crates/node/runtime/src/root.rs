//! A directory whose paths are resolved inside it: links in an image must not lead out to the host.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, fchmodat, mkdirat};

/// `/etc/passwd` is a line a user; nobody needs more.
const MAX_TEXT_BYTES: u64 = 4 * 1024 * 1024;
const DIRECTORY_MODE: u32 = 0o755;

/// The directory.
pub(crate) struct Root(File);

impl Root {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// The text of a file; empty when there is none.
    pub(crate) fn read(&self, path: &str) -> io::Result<String> {
        // Not blocking: it could be a pipe.
        let file = match self.resolve(Path::new(path), OFlag::O_RDONLY | OFlag::O_NONBLOCK) {
            Ok(descriptor) => File::from(descriptor),
            Err(_) => return Ok(String::new()),
        };
        let mut bytes = Vec::new();
        file.take(MAX_TEXT_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The directory at `path`, if there is one.
    pub(crate) fn directory(&self, path: &Path) -> Option<OwnedFd> {
        self.resolve(path, OFlag::O_PATH | OFlag::O_DIRECTORY).ok()
    }

    /// The directory at `path`, made with its parents where it does not exist.
    pub(crate) fn make_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let mut descriptor: OwnedFd = self.0.try_clone()?.into();
        let mut walked = PathBuf::new();
        for name in normal_parts(path) {
            walked.push(name);
            descriptor = match self.resolve(&walked, OFlag::O_PATH | OFlag::O_DIRECTORY) {
                Err(Errno::ENOENT) => {
                    let mode = Mode::from_bits_truncate(DIRECTORY_MODE);
                    mkdirat(descriptor.as_fd(), name, mode)?;
                    // The umask is the agent's.
                    fchmodat(
                        descriptor.as_fd(),
                        name,
                        mode,
                        nix::sys::stat::FchmodatFlags::FollowSymlink,
                    )?;
                    self.resolve(&walked, OFlag::O_PATH | OFlag::O_DIRECTORY)?
                }
                resolved => resolved?,
            };
        }
        Ok(descriptor)
    }

    fn resolve(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        openat2(self.0.as_fd(), path, how)
    }
}

/// A path's names, without what leads up or to the root.
pub(crate) fn normal_parts(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_do_not_lead_out() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("passwd"), "secret").unwrap();
        symlink(outside.path(), inside.path().join("etc")).unwrap();
        symlink("/real", inside.path().join("link")).unwrap();
        std::fs::create_dir(inside.path().join("real")).unwrap();
        let root = Root::open(inside.path()).unwrap();
        assert_eq!(root.read("etc/passwd").unwrap(), "");
        assert!(root.make_directory(Path::new("/etc/made")).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
        root.make_directory(Path::new("/link/a/b")).unwrap();
        assert!(inside.path().join("real/a/b").is_dir());
    }
}
