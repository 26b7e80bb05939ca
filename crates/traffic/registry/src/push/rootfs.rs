//! A root file system as an image of one layer.
//!
//! The layer of a directory is the same bytes whenever the directory holds the same: names sorted, times zero. Whoever
//! owns the directory becomes root, so that a tree that a user built is not owned by a stranger in the container.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use flate2::{Compression as Level, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::archive::{Compression, gunzip};
use super::docker::assemble;
use super::{Blob, Image, SourceError, digest_of_reader};
use crate::digest::{Digest, Hasher};

/// What the configuration of the image says; a root file system does not say it itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSettings {
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    /// `NAME=value`; without a `PATH` the usual one is added.
    pub environment: Vec<String>,
    pub working_directory: Option<String>,
    pub user: Option<String>,
    /// `80/tcp`.
    pub exposed_ports: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) fn from_directory(
    directory: &Path,
    settings: &ImageSettings,
    scratch: &Path,
) -> Result<Image, SourceError> {
    let target = scratch.join("layer.tar.gz");
    let (layer, diff_id) =
        pack(directory, &target).map_err(|(path, source)| SourceError::Read {
            path: path.display().to_string(),
            source,
        })?;
    let config = Blob::memory(configuration(settings, &diff_id));
    Ok(assemble(
        Vec::new(),
        config,
        vec![(layer, Compression::Gzip)],
    ))
}

/// The archive as it is becomes the layer; `plain` is the same without compression.
pub(crate) fn from_archive(
    input: &Path,
    plain: &Path,
    settings: &ImageSettings,
) -> Result<Image, SourceError> {
    let read_error = |source| SourceError::Read {
        path: input.display().to_string(),
        source,
    };
    let open = |path: &Path| File::open(path).map_err(read_error);
    let compression = Compression::of_file(input, 0).map_err(read_error)?;
    let (digest, size) = digest_of_reader(open(input)?).map_err(read_error)?;
    if size == 0 {
        return Err(SourceError::NotAnImage {
            path: input.display().to_string(),
            why: "it is empty".to_owned(),
        });
    }
    let diff_id = match compression {
        Compression::Gzip => {
            // Read through gzip again rather than trust the scratch copy: the layer must match what is pushed.
            let (diff_id, _) = digest_of_reader(gunzip(open(input)?)).map_err(read_error)?;
            diff_id
        }
        _ => digest_of_reader(open(plain)?).map_err(read_error)?.0,
    };
    let config = Blob::memory(configuration(settings, &diff_id));
    let layer = Blob::file(digest, input.to_owned(), 0, size);
    Ok(assemble(Vec::new(), config, vec![(layer, compression)]))
}

/// An image configuration (OCI image specification 1.1), with nothing in it that changes from run to run.
fn configuration(settings: &ImageSettings, diff_id: &Digest) -> Vec<u8> {
    let mut environment = settings.environment.clone();
    if !environment.iter().any(|entry| entry.starts_with("PATH=")) {
        environment.insert(0, DEFAULT_PATH.to_owned());
    }
    let mut config = serde_json::Map::new();
    let mut say = |name: &str, value: serde_json::Value| {
        config.insert(name.to_owned(), value);
    };
    say("Env", environment.into());
    if !settings.entrypoint.is_empty() {
        say("Entrypoint", settings.entrypoint.clone().into());
    }
    if !settings.command.is_empty() {
        say("Cmd", settings.command.clone().into());
    }
    if let Some(working_directory) = &settings.working_directory {
        say("WorkingDir", working_directory.clone().into());
    }
    if let Some(user) = &settings.user {
        say("User", user.clone().into());
    }
    if !settings.exposed_ports.is_empty() {
        let ports: serde_json::Map<_, _> = settings
            .exposed_ports
            .iter()
            .map(|port| (port.clone(), serde_json::json!({})))
            .collect();
        say("ExposedPorts", ports.into());
    }
    if !settings.labels.is_empty() {
        say("Labels", serde_json::json!(settings.labels));
    }
    serde_json::json!({
        "created": "1970-01-01T00:00:00Z",
        "architecture": architecture(),
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "gantry image import" }],
    })
    .to_string()
    .into_bytes()
}

/// Go's name of the machine we run on, which is what images are named by.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Digests what passes through.
struct Hashing<W> {
    inner: W,
    hasher: Hasher,
    length: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            length: 0,
        }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes the layer of a directory; returns it and its diff id. An error names the path it happened at.
fn pack(directory: &Path, target: &Path) -> Result<(Blob, Digest), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    let file = File::create(target).map_err(at(target))?;
    let gzip = GzBuilder::new().write(Hashing::new(BufWriter::new(file)), Level::new(6));
    let mut packer = Packer {
        builder: Builder::new(Hashing::new(gzip)),
        owner: fs::metadata(directory).map_err(at(directory))?.uid(),
        hard_links: HashMap::new(),
    };
    packer.add_children(directory, Path::new(""))?;
    let finish = || -> io::Result<(Blob, Digest)> {
        let plain = packer.builder.into_inner()?;
        let diff_id = plain.hasher.finish();
        let mut compressed = plain.inner.finish()?;
        compressed.flush()?;
        let blob = Blob::file(
            compressed.hasher.finish(),
            target.to_owned(),
            0,
            compressed.length,
        );
        Ok((blob, diff_id))
    };
    finish().map_err(at(target))
}

struct Packer<W: Write> {
    builder: Builder<W>,
    owner: u32,
    hard_links: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Packer<W> {
    fn add_children(&mut self, directory: &Path, name: &Path) -> Result<(), (PathBuf, io::Error)> {
        let failed = |error| (directory.to_owned(), error);
        let mut children = fs::read_dir(directory)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|entry| entry.file_name()))
                    .collect::<io::Result<Vec<_>>>()
            })
            .map_err(failed)?;
        children.sort();
        for child in children {
            let path = directory.join(&child);
            let child_name = name.join(&child);
            let metadata = fs::symlink_metadata(&path).map_err(|error| (path.clone(), error))?;
            self.add(&path, &child_name, &metadata)
                .map_err(|error| (path.clone(), error))?;
            if metadata.is_dir() {
                self.add_children(&path, &child_name)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: &Path, metadata: &Metadata) -> io::Result<()> {
        let kind = metadata.file_type();
        let mut header = self.header(metadata);
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            return self.builder.append_data(&mut header, name, io::empty());
        }
        if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            return self
                .builder
                .append_link(&mut header, name, fs::read_link(path)?);
        }
        if kind.is_socket() {
            return Ok(());
        }
        if metadata.nlink() > 1 {
            let inode = (metadata.dev(), metadata.ino());
            if let Some(first) = self.hard_links.get(&inode) {
                header.set_entry_type(EntryType::Link);
                return self.builder.append_link(&mut header, name, first);
            }
            self.hard_links.insert(inode, name.to_owned());
        }
        if kind.is_file() {
            header.set_entry_type(EntryType::Regular);
            header.set_size(metadata.len());
            let content = File::open(path)?.take(metadata.len());
            return self.builder.append_data(&mut header, name, content);
        }
        header.set_entry_type(match () {
            () if kind.is_fifo() => EntryType::Fifo,
            () if kind.is_char_device() => EntryType::Char,
            () => EntryType::Block,
        });
        header.set_device_major(device_major(metadata.rdev()))?;
        header.set_device_minor(device_minor(metadata.rdev()))?;
        self.builder.append_data(&mut header, name, io::empty())
    }

    fn header(&self, metadata: &Metadata) -> Header {
        let is_owner = metadata.uid() == self.owner;
        let mut header = Header::new_gnu();
        header.set_mode(metadata.mode() & 0o7777);
        header.set_uid(u64::from(if is_owner { 0 } else { metadata.uid() }));
        header.set_gid(u64::from(if is_owner { 0 } else { metadata.gid() }));
        header.set_mtime(0);
        header.set_size(0);
        header
    }
}

/// Linux's `dev_t` as the C library parts it.
fn device_major(device: u64) -> u32 {
    (((device >> 8) & 0xfff) | ((device >> 32) & !0xfff)) as u32
}

fn device_minor(device: u64) -> u32 {
    ((device & 0xff) | ((device >> 12) & !0xff)) as u32
}
