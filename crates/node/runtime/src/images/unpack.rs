//! A layer's archive becomes a directory that overlayfs can use.
//!
//! The archive is somebody else's data: nothing in it may write outside the directory, and its digests are compared
//! before the directory is used. Whiteouts (OCI image specification, "Layer Filesystem Changeset") become those of
//! overlayfs: a character device 0:0 for a name that is gone, an attribute for a directory that hides what is below.

use std::io::{self, BufReader, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknodat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, unlinkat};
use tar::{Archive, Entry, EntryType};

use super::store::hex;
use crate::error::with_causes;
use crate::root::{Root, normal_parts};

const WHITEOUT_PREFIX: &str = ".wh.";
const OPAQUE_WHITEOUT: &str = ".wh..wh..opq";
const OPAQUE_ATTRIBUTE: &str = "trusted.overlay.opaque";
const BUFFER_BYTES: usize = 64 * 1024;
/// What goes from the decompressing thread to the unpacking one at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// Decompresses gzip, zstd or plain tar, block by block, and answers the digest of what came in.
pub(super) fn decompress(
    archive: impl Read,
    mut block: impl FnMut(Bytes) -> io::Result<()>,
) -> io::Result<String> {
    let mut compressed = BufReader::with_capacity(BUFFER_BYTES, Hashing::new(archive));
    {
        let mut decompressed = decompressor(&mut compressed)?;
        loop {
            let mut bytes = Vec::with_capacity(BLOCK_BYTES);
            let limit = BLOCK_BYTES as u64;
            if (&mut decompressed).take(limit).read_to_end(&mut bytes)? == 0 {
                break;
            }
            block(bytes.into())?;
        }
    }
    io::copy(&mut compressed, &mut io::sink())?;
    Ok(compressed.into_inner().finish())
}

fn decompressor<'a, R: Read>(archive: &'a mut BufReader<R>) -> io::Result<Box<dyn Read + 'a>> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    // Told by the bytes, because media types are wrong more often than magic numbers.
    let beginning = io::BufRead::fill_buf(archive)?;
    if beginning.starts_with(&GZIP) {
        Ok(Box::new(flate2::bufread::MultiGzDecoder::new(archive)))
    } else if beginning.starts_with(&ZSTD) {
        Ok(Box::new(zstd::Decoder::with_buffer(archive)?))
    } else {
        Ok(Box::new(archive))
    }
}

/// Unpacks a tar archive, and answers its digest.
pub(super) fn unpack(archive: impl Read, directory: &Path) -> io::Result<String> {
    let mut hashed = Hashing::new(archive);
    unpack_tar(&mut hashed, directory)?;
    // A tar reader stops at the end mark; what pads the archive belongs to its digest.
    io::copy(&mut hashed, &mut io::sink())?;
    Ok(hashed.finish())
}

fn unpack_tar(archive: impl Read, directory: &Path) -> io::Result<()> {
    let root = Root::open(directory)?;
    let mut archive = Archive::new(archive);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(true);
    archive.set_unpack_xattrs(true);
    archive.set_mask(0);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        unpack_entry(&root, directory, &path, &mut entry).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{}: {}", path.display(), with_causes(&error)),
            )
        })?;
    }
    Ok(())
}

fn unpack_entry<R: Read>(
    root: &Root,
    directory: &Path,
    path: &Path,
    entry: &mut Entry<'_, R>,
) -> io::Result<()> {
    if path
        .components()
        .any(|component| matches!(component, std::path::Component::ParentDir))
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the path leads out of the layer",
        ));
    }
    // The root directory itself: its attributes are the container's own directory's.
    let Some(name) = normal_parts(path)
        .last()
        .map(|name| name.to_string_lossy().into_owned())
    else {
        return Ok(());
    };
    let parent: std::path::PathBuf = {
        let mut parts: Vec<_> = normal_parts(path).collect();
        parts.pop();
        parts.into_iter().collect()
    };
    if name == OPAQUE_WHITEOUT {
        return set_opaque(&root.make_directory(&parent)?);
    }
    if let Some(hidden) = name.strip_prefix(WHITEOUT_PREFIX) {
        // Names that begin with a second prefix belong to AUFS itself.
        return if hidden.starts_with(WHITEOUT_PREFIX) {
            Ok(())
        } else {
            hide(&root.make_directory(&parent)?, hidden)
        };
    }
    let parent = root.make_directory(&parent)?;
    let was_hidden = reveal(&parent, &name)?;
    match entry.header().entry_type() {
        EntryType::Char | EntryType::Block | EntryType::Fifo => make_node(&parent, &name, entry)?,
        EntryType::XGlobalHeader => {}
        kind => {
            if !entry.unpack_in(directory)? {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the path leads out of the layer",
                ));
            }
            if was_hidden && kind == EntryType::Directory {
                // Removed and made again in one layer: what lower layers have in it stays removed.
                set_opaque(&root.make_directory(path)?)?;
            }
        }
    }
    Ok(())
}

fn set_opaque(directory: &OwnedFd) -> io::Result<()> {
    // An `O_PATH` descriptor takes no attributes; its path under /proc does, and cannot be swapped for a link.
    xattr::set_deref(
        format!("/proc/self/fd/{}", directory.as_raw_fd()),
        OPAQUE_ATTRIBUTE,
        b"y",
    )
}

fn hide(parent: &OwnedFd, name: &str) -> io::Result<()> {
    match mknodat(
        parent.as_fd(),
        name,
        SFlag::S_IFCHR,
        Mode::empty(),
        makedev(0, 0),
    ) {
        // The same layer has it again; that is what counts.
        Err(Errno::EEXIST) => Ok(()),
        made => Ok(made?),
    }
}

/// Takes a whiteout of the same layer away; tells whether there was one.
fn reveal(parent: &OwnedFd, name: &str) -> io::Result<bool> {
    let stat = nix::sys::stat::fstatat(
        parent.as_fd(),
        name,
        nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW,
    );
    let is_whiteout = stat.is_ok_and(|stat| {
        SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR
            && stat.st_rdev == makedev(0, 0)
    });
    if is_whiteout {
        unlinkat(parent.as_fd(), name, UnlinkatFlags::NoRemoveDir)?;
    }
    Ok(is_whiteout)
}

fn make_node<R: Read>(parent: &OwnedFd, name: &str, entry: &Entry<'_, R>) -> io::Result<()> {
    let header = entry.header();
    let kind = match header.entry_type() {
        EntryType::Char => SFlag::S_IFCHR,
        EntryType::Block => SFlag::S_IFBLK,
        _ => SFlag::S_IFIFO,
    };
    // A pipe's fields may be blank, which is no number.
    let device = if kind == SFlag::S_IFIFO {
        0
    } else {
        makedev(
            header.device_major()?.unwrap_or(0).into(),
            header.device_minor()?.unwrap_or(0).into(),
        )
    };
    match unlinkat(parent.as_fd(), name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    mknodat(
        parent.as_fd(),
        name,
        kind,
        Mode::from_bits_truncate(header.mode()?),
        device,
    )?;
    let id = |id: u64| {
        u32::try_from(id)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "owner out of range"))
    };
    let (uid, gid) = (
        Uid::from_raw(id(header.uid()?)?),
        Gid::from_raw(id(header.gid()?)?),
    );
    Ok(fchownat(
        parent.as_fd(),
        name,
        Some(uid),
        Some(gid),
        nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW,
    )?)
}

/// Passes bytes on and remembers their digest.
struct Hashing<R> {
    inner: R,
    context: Context,
}

impl<R> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            context: Context::new(&SHA256),
        }
    }

    fn finish(self) -> String {
        format!("sha256:{}", hex(self.context.finish().as_ref()))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.context.update(&buffer[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    use super::*;
    use crate::images::store::digest_of;

    fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o640);
            header.set_uid(7);
            header.set_gid(8);
            header.set_size(0);
            // Written as it is: the builder's own ways refuse what an attacker would write.
            let name = &mut header.as_old_mut().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            match kind {
                EntryType::Symlink | EntryType::Link => header.set_link_name(content).unwrap(),
                _ => header.set_size(content.len() as u64),
            }
            header.set_cksum();
            let data = if header.size().unwrap() > 0 {
                content.as_bytes()
            } else {
                &[]
            };
            builder.append(&header, data).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn is_root() -> bool {
        nix::unistd::geteuid().is_root()
    }

    #[test]
    fn digests_are_of_both_forms() {
        if !is_root() {
            return;
        }
        let plain = archive(&[
            ("a", EntryType::Regular, "one"),
            ("d/b", EntryType::Regular, "two"),
        ]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let gzip = gzip.finish().unwrap();
        let zstd = zstd::encode_all(&plain[..], 1).unwrap();
        for bytes in [&plain, &gzip, &zstd] {
            let directory = tempfile::tempdir().unwrap();
            let mut decompressed = Vec::new();
            let take = |block: Bytes| {
                decompressed.extend_from_slice(&block);
                Ok(())
            };
            assert_eq!(decompress(&bytes[..], take).unwrap(), digest_of(bytes));
            let digest = unpack(&decompressed[..], directory.path()).unwrap();
            assert_eq!(digest, digest_of(&plain));
            assert_eq!(
                std::fs::read_to_string(directory.path().join("d/b")).unwrap(),
                "two"
            );
            let metadata = directory.path().join("a").metadata().unwrap();
            assert_eq!(
                (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777),
                (7, 8, 0o640)
            );
        }
    }

    #[test]
    fn whiteouts_become_those_of_overlayfs() {
        if !is_root() {
            return;
        }
        let bytes = archive(&[
            ("etc/.wh.gone", EntryType::Regular, ""),
            ("var/.wh..wh..opq", EntryType::Regular, ""),
            (".wh.again", EntryType::Regular, ""),
            ("again", EntryType::Regular, "back"),
            (".wh..wh.plnk", EntryType::Regular, ""),
            ("pipe", EntryType::Fifo, ""),
        ]);
        let directory = tempfile::tempdir().unwrap();
        unpack(&bytes[..], directory.path()).unwrap();
        let gone = directory
            .path()
            .join("etc/gone")
            .symlink_metadata()
            .unwrap();
        assert!(gone.file_type().is_char_device());
        assert_eq!(gone.rdev(), 0);
        let opaque = xattr::get(directory.path().join("var"), OPAQUE_ATTRIBUTE).unwrap();
        assert_eq!(opaque.as_deref(), Some(&b"y"[..]));
        assert_eq!(
            std::fs::read_to_string(directory.path().join("again")).unwrap(),
            "back"
        );
        assert!(
            directory
                .path()
                .join("pipe")
                .metadata()
                .unwrap()
                .file_type()
                .is_fifo()
        );
        assert!(!directory.path().join(".wh.plnk").exists());
    }

    #[test]
    fn nothing_is_written_outside() {
        if !is_root() {
            return;
        }
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().to_str().unwrap();
        for entries in [
            vec![("../escaped", EntryType::Regular, "x")],
            vec![
                ("link", EntryType::Symlink, target),
                ("link/escaped", EntryType::Regular, "x"),
            ],
            vec![
                ("link", EntryType::Symlink, target),
                ("link/.wh.escaped", EntryType::Regular, ""),
            ],
            vec![
                ("link", EntryType::Symlink, target),
                ("link/pipe", EntryType::Fifo, ""),
            ],
        ] {
            let directory = tempfile::tempdir().unwrap();
            let inner = directory.path().join("inner");
            std::fs::create_dir(&inner).unwrap();
            assert!(
                unpack(&archive(&entries)[..], &inner).is_err(),
                "{entries:?}"
            );
            assert_eq!(
                std::fs::read_dir(outside.path()).unwrap().count(),
                0,
                "{entries:?}"
            );
            assert_eq!(
                std::fs::read_dir(directory.path()).unwrap().count(),
                1,
                "{entries:?}"
            );
        }
    }
}
