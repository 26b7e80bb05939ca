//! Blobs as files: `blobs/sha256/xx/xxxx…`, written elsewhere, synced, then renamed into place, so that a name is
//! never there before its bytes are.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// The files of a registry. All methods block: call them from a blocking thread.
#[derive(Debug, Clone)]
pub struct BlobStore {
    root: PathBuf,
}

impl BlobStore {
    /// Makes the directories if they are not there.
    pub fn open(root: &Path) -> io::Result<Self> {
        let store = Self {
            root: root.to_owned(),
        };
        fs::create_dir_all(store.blobs_directory())?;
        fs::create_dir_all(store.uploads_directory())?;
        sync_directory(root)?;
        Ok(store)
    }

    pub fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.blobs_directory().join(&hex[..2]).join(hex)
    }

    pub fn uploads_directory(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// `None` when the blob is not there.
    pub fn size(&self, digest: &Digest) -> io::Result<Option<u64>> {
        found(fs::metadata(self.path(digest)).map(|metadata| metadata.len()))
    }

    /// The blob and its size; `None` when it is not there.
    pub fn read(&self, digest: &Digest) -> io::Result<Option<(File, u64)>> {
        found(File::open(self.path(digest)).and_then(|file| {
            let size = file.metadata()?.len();
            Ok((file, size))
        }))
    }

    /// Keeps bytes under their digest; durable when it returns.
    pub fn put(&self, digest: &Digest, bytes: &[u8], scratch_name: &str) -> io::Result<()> {
        if self.size(digest)?.is_some() {
            return Ok(());
        }
        let scratch = self.uploads_directory().join(scratch_name);
        let mut file = File::create(&scratch)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        self.adopt(&scratch, digest)
    }

    /// Moves a synced file into place; durable when it returns. If the blob is there already the file just goes.
    pub fn adopt(&self, file: &Path, digest: &Digest) -> io::Result<()> {
        if self.size(digest)?.is_some() {
            return fs::remove_file(file);
        }
        let target = self.path(digest);
        let directory = target.parent().expect("a blob's path has a parent");
        if !directory.exists() {
            fs::create_dir_all(directory)?;
            sync_directory(&self.blobs_directory())?;
        }
        fs::rename(file, &target)?;
        sync_directory(directory)
    }

    /// Whether it was there.
    pub fn remove(&self, digest: &Digest) -> io::Result<bool> {
        Ok(found(fs::remove_file(self.path(digest)))?.is_some())
    }

    /// Every blob.
    pub fn list(&self) -> io::Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for directory in fs::read_dir(self.blobs_directory())? {
            for file in fs::read_dir(directory?.path())? {
                let name = file?.file_name();
                digests.extend(format!("sha256:{}", name.to_string_lossy()).parse::<Digest>());
            }
        }
        Ok(digests)
    }

    fn blobs_directory(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }
}

/// Not being there is an answer, not an error.
pub(crate) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_kept_once_and_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = BlobStore::open(directory.path()).expect("opens");
        let digest = Digest::of(b"hello");
        assert_eq!(store.size(&digest).expect("reads"), None);
        for _ in 0..2 {
            store.put(&digest, b"hello", "scratch").expect("puts");
        }
        assert_eq!(store.size(&digest).expect("reads"), Some(5));
        assert_eq!(store.list().expect("lists"), vec![digest.clone()]);
        let left = fs::read_dir(store.uploads_directory())
            .expect("lists")
            .count();
        assert_eq!(left, 0, "no scratch file stays");
        assert!(store.remove(&digest).expect("removes"));
        assert!(!store.remove(&digest).expect("removes"));
    }
}
