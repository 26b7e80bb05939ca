//! Archives that are compressed as a whole (`docker save x | gzip`) are unpacked into the scratch directory.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::SourceError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Told by the first bytes.
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    pub fn of_file(path: &Path, offset: u64) -> io::Result<Self> {
        use std::os::unix::fs::FileExt;
        let mut first = [0; 4];
        let length = File::open(path)?.read_at(&mut first, offset)?;
        Ok(Self::of(&first[..length]))
    }
}

/// `path` itself, or its content without gzip in the scratch directory.
pub(crate) fn plain(path: &Path, scratch: &Path) -> Result<PathBuf, SourceError> {
    let read_error = |source| SourceError::Read {
        path: path.display().to_string(),
        source,
    };
    match Compression::of_file(path, 0).map_err(read_error)? {
        Compression::None => Ok(path.to_owned()),
        Compression::Zstd => Err(SourceError::Zstd {
            path: path.display().to_string(),
        }),
        Compression::Gzip => {
            let target = scratch.join("archive.tar");
            unzip(path, &target).map_err(read_error)?;
            Ok(target)
        }
    }
}

pub(crate) fn gunzip(reader: impl Read) -> impl Read {
    flate2::read::MultiGzDecoder::new(BufReader::new(reader))
}

fn unzip(path: &Path, target: &Path) -> io::Result<()> {
    let mut plain = gunzip(File::open(path)?);
    io::copy(&mut plain, &mut File::create(target)?)?;
    Ok(())
}
