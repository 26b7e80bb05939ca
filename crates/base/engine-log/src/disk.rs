//! What the log needs of a file system, as a trait: tests put one below it that tears, loses and fails.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use state::EngineError;

/// One directory of files.
pub trait Disk: Send + Sync + 'static {
    /// For error messages.
    fn path(&self) -> String;
    fn list(&self) -> io::Result<Vec<String>>;
    /// An empty file to write, whatever was there before.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Reads from the start; goes on reading the same bytes when the name is removed.
    fn reader(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file being written.
pub trait DiskFile: Send {
    /// Writes all of it; after an error any part may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn set_length(&mut self, length: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the operating system, locked for one process.
pub struct Directory {
    path: PathBuf,
    /// Held open for its lock.
    _lock: File,
}

const LOCK_FILE: &str = "lock";

impl Directory {
    /// Opens or makes the directory, for its owner only.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let shown = path.display().to_string();
        let failed = |error: io::Error| EngineError::Unavailable(format!("{shown}: {error}"));
        let is_new = !path.exists();
        if is_new {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(failed)?;
        }
        let lock = file_options().create(true).open(path.join(LOCK_FILE));
        let lock = lock.map_err(failed)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => EngineError::Locked {
                path: shown.clone(),
            },
            TryLockError::Error(error) => failed(error),
        })?;
        if is_new && let Some(parent) = path.parent() {
            sync_directory(parent).map_err(failed)?;
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }
}

impl Disk for Directory {
    fn path(&self) -> String {
        self.path.display().to_string()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.path.read_dir()? {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.retain(|name| name != LOCK_FILE);
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = file_options();
        let file = options
            .create(true)
            .truncate(true)
            .open(self.path.join(name))?;
        Ok(Box::new(OpenFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenFile(
            file_options().open(self.path.join(name))?,
        )))
    }

    fn reader(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }
}

struct OpenFile(File);

impl DiskFile for OpenFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

fn file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)?.sync_all()
}
