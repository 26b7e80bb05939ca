//! Images from files, ready to be pushed: an OCI layout, a `docker save` archive, or a root file system.
//!
//! Pure file work: [`Source::open`] says what an input holds as blobs and manifests; whoever pushes sends the blobs
//! of an image, then its manifests in order. Archives are read in place, nothing is unpacked; only a compressed
//! archive and the layer made of a directory need a scratch file, which goes with the [`Source`].

mod archive;
mod docker;
mod files;
mod layout;
mod rootfs;
mod upload;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Hasher};
use files::Files;

pub use rootfs::ImageSettings;
pub use upload::{Answer, Progress, PushError, Pushed, Transport, push};

/// What an input holds.
#[derive(Debug)]
pub struct Source {
    pub kind: SourceKind,
    pub images: Vec<Image>,
    /// Holds the scratch files that blobs point into.
    _scratch: tempfile::TempDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    OciLayout,
    DockerArchive,
    RootFileSystem,
}

/// One image (or an index of several), complete.
#[derive(Debug)]
pub struct Image {
    /// What the input calls it: `demo:1`, `docker.io/library/demo:1`, or only a tag.
    pub names: Vec<String>,
    pub blobs: Vec<Blob>,
    /// In the order to push them: what an index lists comes before the index. The last one is the image.
    pub manifests: Vec<ManifestBytes>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestBytes {
    pub digest: Digest,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// A blob somewhere in a file, or in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub digest: Digest,
    pub size: u64,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Memory(Vec<u8>),
    File { path: PathBuf, offset: u64 },
}

/// Why an input is no image.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{path}: {source}")]
    Read { path: String, source: io::Error },
    #[error("{path} is compressed with zstd; unpack it first (zstd -d)")]
    Zstd { path: String },
    #[error("{path} is neither an OCI layout, a docker archive nor a root file system: {why}")]
    NotAnImage { path: String, why: String },
    #[error("{input}: {name} is missing or cannot be used: {why}")]
    Broken {
        input: String,
        name: String,
        why: String,
    },
}

impl Source {
    /// Finds out what `path` is and reads it. `settings` are for a root file system, which has none of its own.
    pub fn open(path: &Path, settings: &ImageSettings) -> Result<Self, SourceError> {
        let read_error = |source| SourceError::Read {
            path: path.display().to_string(),
            source,
        };
        let scratch = tempfile::tempdir().map_err(read_error)?;
        let metadata = std::fs::metadata(path).map_err(read_error)?;
        if metadata.is_dir() {
            let files = Files::directory(path);
            return match Self::of_files(&files)? {
                Some((kind, images)) => Ok(Self::new(kind, images, scratch)),
                None => {
                    let image = rootfs::from_directory(path, settings, scratch.path())?;
                    Ok(Self::new(SourceKind::RootFileSystem, vec![image], scratch))
                }
            };
        }
        let plain = archive::plain(path, scratch.path())?;
        let files = Files::archive(path, &plain)?;
        match Self::of_files(&files)? {
            Some((kind, images)) => Ok(Self::new(kind, images, scratch)),
            None => {
                let image = rootfs::from_archive(path, &plain, settings)?;
                Ok(Self::new(SourceKind::RootFileSystem, vec![image], scratch))
            }
        }
    }

    /// `None` when the files are no image format, so that they are a root file system.
    fn of_files(files: &Files) -> Result<Option<(SourceKind, Vec<Image>)>, SourceError> {
        if files.find("oci-layout").is_some() && files.find("index.json").is_some() {
            return Ok(Some((SourceKind::OciLayout, layout::images(files)?)));
        }
        if files.find("manifest.json").is_some() {
            return Ok(Some((SourceKind::DockerArchive, docker::images(files)?)));
        }
        Ok(None)
    }

    fn new(kind: SourceKind, images: Vec<Image>, scratch: tempfile::TempDir) -> Self {
        Self {
            kind,
            images,
            _scratch: scratch,
        }
    }
}

impl Image {
    /// The manifest that a tag should point to.
    pub fn root(&self) -> &ManifestBytes {
        self.manifests.last().expect("an image has a manifest")
    }

    /// What would be sent if the registry had nothing of it.
    pub fn total_bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}

impl ManifestBytes {
    pub(crate) fn new(media_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            digest: Digest::of(&bytes),
            media_type: media_type.into(),
            bytes,
        }
    }
}

impl Blob {
    pub(crate) fn memory(bytes: Vec<u8>) -> Self {
        Self {
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            content: Content::Memory(bytes),
        }
    }

    /// The bytes from `offset` on of a file, named by a digest that the pushing will check.
    pub(crate) fn file(digest: Digest, path: PathBuf, offset: u64, size: u64) -> Self {
        Self {
            digest,
            size,
            content: Content::File { path, offset },
        }
    }

    /// The blob's bytes, to be read on a blocking thread.
    pub fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.content {
            Content::Memory(bytes) => Ok(Box::new(io::Cursor::new(bytes.clone()))),
            Content::File { path, offset } => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(*offset))?;
                Ok(Box::new(file.take(self.size)))
            }
        }
    }
}

/// The digest and length of everything that `reader` gives.
pub(crate) fn digest_of_reader(mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let mut hasher = Hasher::new();
    let mut chunk = vec![0; limits::BLOB_CHUNK_BYTES];
    let mut length = 0;
    loop {
        match reader.read(&mut chunk)? {
            0 => return Ok((hasher.finish(), length)),
            read => {
                hasher.update(&chunk[..read]);
                length += read as u64;
            }
        }
    }
}
