//! Named files: of a directory, or of a tar archive read in place.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};

use super::{Blob, Content, SourceError};
use crate::digest::Digest;

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    pub path: PathBuf,
    pub offset: u64,
    pub size: u64,
}

#[derive(Debug)]
pub(crate) struct Files {
    /// For messages.
    pub input: String,
    source: FileSource,
}

#[derive(Debug)]
enum FileSource {
    Directory(PathBuf),
    Archive(HashMap<String, Located>),
}

impl Files {
    pub fn directory(path: &Path) -> Self {
        Self {
            input: path.display().to_string(),
            source: FileSource::Directory(path.to_owned()),
        }
    }

    /// `plain` is `input` without its compression.
    pub fn archive(input: &Path, plain: &Path) -> Result<Self, SourceError> {
        let located = index(plain).map_err(|error| SourceError::NotAnImage {
            path: input.display().to_string(),
            why: error.to_string(),
        })?;
        Ok(Self {
            input: input.display().to_string(),
            source: FileSource::Archive(located),
        })
    }

    pub fn find(&self, name: &str) -> Option<Located> {
        let name = normal(Path::new(name))?;
        match &self.source {
            FileSource::Archive(located) => located.get(&name).cloned(),
            FileSource::Directory(root) => {
                let path = root.join(name);
                let metadata = std::fs::metadata(&path).ok()?;
                metadata.is_file().then_some(Located {
                    path,
                    offset: 0,
                    size: metadata.len(),
                })
            }
        }
    }

    /// A small file's bytes.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, SourceError> {
        let located = self
            .find(name)
            .ok_or_else(|| self.broken(name, "it is not there"))?;
        if located.size > limits::MANIFEST_MAX_BYTES as u64 {
            return Err(self.broken(name, "it is too large"));
        }
        self.read_located(name, &located)
    }

    /// A blob whose digest is its name.
    pub fn blob(&self, name: &str, digest: &Digest) -> Result<Blob, SourceError> {
        let located = self
            .find(name)
            .ok_or_else(|| self.broken(name, "it is not there"))?;
        Ok(Blob {
            digest: digest.clone(),
            size: located.size,
            content: Content::File {
                path: located.path,
                offset: located.offset,
            },
        })
    }

    pub fn broken(&self, name: &str, why: impl ToString) -> SourceError {
        SourceError::Broken {
            input: self.input.clone(),
            name: name.to_owned(),
            why: why.to_string(),
        }
    }

    fn read_located(&self, name: &str, located: &Located) -> Result<Vec<u8>, SourceError> {
        use std::os::unix::fs::FileExt;
        let mut bytes = vec![0; located.size as usize];
        File::open(&located.path)
            .and_then(|file| file.read_exact_at(&mut bytes, located.offset))
            .map_err(|error| self.broken(name, error))?;
        Ok(bytes)
    }
}

/// Where each regular file of a tar archive lies. Old `docker save` writes a layer that several images share once
/// and links to it: links are resolved to what they mean.
fn index(path: &Path) -> io::Result<HashMap<String, Located>> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(path)?));
    let mut located = HashMap::new();
    let mut links = Vec::new();
    for entry in archive.entries()? {
        let entry = entry?;
        let entry_path = entry.path()?.into_owned();
        let Some(name) = normal(&entry_path) else {
            continue;
        };
        let kind = entry.header().entry_type();
        if kind.is_file() {
            let place = Located {
                path: path.to_owned(),
                offset: entry.raw_file_position(),
                size: entry.size(),
            };
            located.insert(name, place);
        } else if let Some(target) = entry.link_name()? {
            let base = if kind.is_symlink() {
                entry_path.parent().unwrap_or(Path::new(""))
            } else {
                Path::new("")
            };
            links.extend(normal(&base.join(target)).map(|target| (name, target)));
        }
    }
    for (name, target) in links {
        if let Some(place) = located.get(&target).cloned() {
            located.insert(name, place);
        }
    }
    Ok(located)
}

/// A relative path without `.` and `..`; `None` if it leads outside.
fn normal(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::CurDir | Component::RootDir => {}
            Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}
