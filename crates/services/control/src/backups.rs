//! The file that a backup is written to before a client reads it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::PathBuf;

use clock::Clock;
use state::{BackupError, BackupHeader, Store, write_backup};

/// Where backups are written, and which small files go into them.
#[derive(Debug, Clone)]
pub struct Backups {
    pub directory: PathBuf,
    /// By the name under which `gantry restore` writes them into a data directory.
    pub files: BTreeMap<String, PathBuf>,
}

pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) revision: u64,
}

impl Backups {
    /// Writes a backup of the state as it is now, for its owner only. The one before is removed: whoever still reads
    /// that must begin again.
    pub(crate) async fn make(&self, store: &Store, clock: &Clock) -> Result<Made, BackupError> {
        self.clear()?;
        let loaded = store.dump().await;
        let loaded = loaded.map_err(|error| io::Error::other(error.to_string()))?;
        let header = self.header(loaded.revision, clock)?;
        let revision = header.revision;
        let id = clock.random_hex(16);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600);
        let mut out = BufWriter::new(file.open(self.directory.join(&id))?);
        let rows = write_backup(&header, loaded, &mut out).await?;
        out.flush()?;
        let bytes = out.get_ref().metadata()?.len();
        Ok(Made {
            id,
            bytes,
            rows,
            revision,
        })
    }

    /// Up to `length` bytes at `offset`; the file is removed once its end was read. None: there is no such backup.
    pub(crate) fn read(&self, id: &str, offset: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id {
            return Ok(None);
        }
        let path = self.directory.join(id);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let total = file.metadata()?.len();
        let length = total.saturating_sub(offset).min(length as u64);
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, offset)?;
        if offset + length >= total {
            fs::remove_file(path)?;
        }
        Ok(Some(bytes))
    }

    fn header(&self, revision: u64, clock: &Clock) -> io::Result<BackupHeader> {
        let files = self.files.iter();
        let files = files.map(|(name, path)| Ok((name.clone(), fs::read(path)?)));
        Ok(BackupHeader {
            revision,
            created_at_milliseconds: clock.now().0,
            files: files.collect::<io::Result<_>>()?,
        })
    }

    fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::DirBuilder::new().mode(0o700).create(&self.directory)
    }
}
