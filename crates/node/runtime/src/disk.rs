//! Where things are on disk, and how small files are written.
//!
//! ```text
//! <data>/containers/<id>/container.json   what was asked for, and the layers it runs on
//!                        shim.json        who owns it; made once, so a container cannot be started twice
//!                        state.json       its first process
//!                        exit.json        how it ended
//!                        log-<n>.jsonl    what it wrote
//!                        config.json      the OCI specification
//!                        oci/             libcontainer's own state
//!                        oci-runtime/     state, log and pid files of another OCI runtime
//!                        rootfs/          mount point, used in the shim's mount namespace only
//!                        upper/ work/     overlayfs
//!                        shm/ storage/    of a sandbox: what the task's containers share, mounted in the shims' namespaces only
//!                        storage.ext4     behind `storage/`
//!                        shim.err         what the shim had to say, when it could not do its work
//! <data>/images/…                         see `images::store`
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A container's directory.
#[derive(Debug, Clone)]
pub(crate) struct ContainerDirectory(PathBuf);

impl ContainerDirectory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn container(&self) -> PathBuf {
        self.0.join("container.json")
    }

    pub(crate) fn shim(&self) -> PathBuf {
        self.0.join("shim.json")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.join("state.json")
    }

    pub(crate) fn exit(&self) -> PathBuf {
        self.0.join("exit.json")
    }

    pub(crate) fn log(&self, number: u64) -> PathBuf {
        self.0.join(format!("log-{number}.jsonl"))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("config.json")
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.0.join("rootfs")
    }

    pub(crate) fn upper(&self) -> PathBuf {
        self.0.join("upper")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// Made by the shim when another OCI runtime than libcontainer is used.
    pub(crate) fn oci_runtime_file(&self, name: &str) -> PathBuf {
        self.0.join("oci-runtime").join(name)
    }

    pub(crate) fn shared_memory(&self) -> PathBuf {
        self.0.join("shm")
    }

    pub(crate) fn storage(&self) -> PathBuf {
        self.0.join("storage")
    }

    pub(crate) fn storage_file(&self) -> PathBuf {
        self.0.join("storage.ext4")
    }

    /// Another container's directory.
    pub(crate) fn sibling(&self, id: &str) -> Self {
        Self(self.0.with_file_name(id))
    }

    pub(crate) fn shim_errors(&self) -> PathBuf {
        self.0.join("shim.err")
    }
}

/// Reads a file that may not be there.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the file must outlive a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It is about processes of this boot.
    ThisBoot,
    Synced,
}

/// Writes a file as a whole or not at all.
pub(crate) fn write_json(
    path: &Path,
    value: &impl Serialize,
    durability: Durability,
) -> io::Result<()> {
    let temporary = temporary(path);
    write_file(&temporary, value, durability)?;
    fs::rename(&temporary, path)?;
    if durability == Durability::Synced
        && let Some(parent) = path.parent()
    {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Writes a file that must not be there yet; of two writers one gets `AlreadyExists`.
pub(crate) fn create_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let temporary = temporary(path);
    write_file(&temporary, value, Durability::ThisBoot)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    linked
}

/// Deletes a file or directory that may not be there.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Two writers of one file must not write into one another's.
fn temporary(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{number}.tmp", std::process::id()))
}

fn write_file(path: &Path, value: &impl Serialize, durability: Durability) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    if durability == Durability::Synced {
        file.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_whole_and_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shim.json");
        assert_eq!(read_json::<u32>(&path).unwrap(), None);
        create_json(&path, &1).unwrap();
        assert_eq!(
            create_json(&path, &2).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(read_json(&path).unwrap(), Some(1));
        write_json(&path, &3, Durability::Synced).unwrap();
        assert_eq!(read_json(&path).unwrap(), Some(3));
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing temporary is left"
        );
    }
}
