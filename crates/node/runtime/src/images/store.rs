//! What is unpacked on this node.
//!
//! ```text
//! <data>/images/layers/<name>/       a layer's files, whiteouts as overlayfs wants them
//!               layers/<name>.json   its whole digest; written last, when the files are synced: without it no layer
//!               references/<hash>.json
//!               unpacking/<random>/  thrown away at start
//! ```
//!
//! A layer is known by the digest of its uncompressed archive (`diff_id`), so that the same layer is unpacked once
//! however it was compressed. Its directory's name is only the beginning of that digest, because overlayfs takes
//! the names of all layers in one page; the whole digest is compared before a layer is used.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use nix::unistd::syncfs;
use serde::{Deserialize, Serialize};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::disk::{Durability, read_json, remove_tree, write_json};
use crate::image::Image;

/// 104 bits of the digest.
const LAYER_NAME_LENGTH: usize = 26;
/// So many names, with the paths of the writable directories, fit into the page that mount options are given in.
pub(crate) const MAX_LAYERS: usize = 120;
const SHA256_PREFIX: &str = "sha256:";

/// The images of this node.
#[derive(Debug, Clone)]
pub(crate) struct ImageStore {
    root: PathBuf,
    /// Read by who needs that nothing goes, written by who deletes.
    gate: Arc<RwLock<()>>,
}

/// An image and where its layers are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredImage {
    pub image: Image,
    /// Directories' names, the lowest first.
    pub layers: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct LayerRecord {
    diff_id: String,
}

impl ImageStore {
    /// Opens the store and throws away what an earlier process had not finished.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        let store = Self {
            root,
            gate: Arc::default(),
        };
        remove_tree(&store.unpacking())?;
        for directory in [
            store.layers_directory(),
            store.references(),
            store.unpacking(),
        ] {
            fs::create_dir_all(directory)?;
        }
        Ok(store)
    }

    /// Of an image without layers: overlayfs wants at least one.
    pub(crate) const EMPTY_LAYER: &str = "empty";

    /// Nothing is deleted as long as the answer is held.
    pub(crate) async fn keep(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// `None` when somebody needs that nothing goes. Never waits, because who waits to write holds up all who read.
    pub(super) fn try_alone(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        self.gate.try_write().ok()
    }

    pub(crate) fn layers_directory(&self) -> PathBuf {
        self.root.join("layers")
    }

    /// What this reference was last pulled as.
    pub(crate) fn find(&self, reference: &str) -> Option<StoredImage> {
        let stored: StoredImage = read_json(&self.reference_path(reference)).ok()??;
        let unpacked = stored
            .layers
            .iter()
            .all(|name| self.layers_directory().join(name).is_dir());
        (stored.image.reference == reference && unpacked).then_some(stored)
    }

    pub(crate) fn save(&self, image: &StoredImage) -> io::Result<()> {
        write_json(
            &self.reference_path(&image.image.reference),
            image,
            Durability::Synced,
        )
    }

    /// The layer's directory name, if it is unpacked.
    pub(crate) fn layer(&self, diff_id: &str) -> io::Result<Option<String>> {
        let Some(name) = layer_name(diff_id) else {
            return Ok(None);
        };
        let record: Option<LayerRecord> = read_json(&self.record_path(&name))?;
        Ok(record
            .filter(|record| record.diff_id == diff_id)
            .map(|_| name))
    }

    /// An empty directory to unpack into.
    pub(crate) fn new_directory(&self, random: &str) -> io::Result<PathBuf> {
        let directory = self.unpacking().join(random);
        fs::create_dir(&directory)?;
        // Whatever the umask: everybody may enter an image's root.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        Ok(directory)
    }

    /// Takes an unpacked directory in as this layer.
    pub(crate) fn adopt_layer(&self, diff_id: &str, unpacked: &Path) -> io::Result<String> {
        let invalid = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("not a sha256 digest: {diff_id}"),
            )
        };
        let name = layer_name(diff_id).ok_or_else(invalid)?;
        let directory = self.layers_directory().join(&name);
        // Without its record a directory is what a process left that was killed between the two steps below.
        remove_tree(&directory)?;
        fs::rename(unpacked, &directory)?;
        // The record says that the layer is whole, so its files must be on the disk before.
        syncfs(fs::File::open(&directory)?)?;
        write_json(
            &self.record_path(&name),
            &LayerRecord {
                diff_id: diff_id.to_owned(),
            },
            Durability::Synced,
        )?;
        Ok(name)
    }

    pub(super) fn references(&self) -> PathBuf {
        self.root.join("references")
    }

    fn unpacking(&self) -> PathBuf {
        self.root.join("unpacking")
    }

    pub(super) fn reference_path(&self, reference: &str) -> PathBuf {
        let hash = hex(digest(&SHA256, reference.as_bytes()).as_ref());
        self.references().join(format!("{hash}.json"))
    }

    pub(super) fn record_path(&self, name: &str) -> PathBuf {
        self.layers_directory().join(format!("{name}.json"))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `sha256:…` of these bytes.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    format!("{SHA256_PREFIX}{}", hex(digest(&SHA256, bytes).as_ref()))
}

fn layer_name(diff_id: &str) -> Option<String> {
    let hash = diff_id.strip_prefix(SHA256_PREFIX)?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| hash[..LAYER_NAME_LENGTH].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageConfig;

    #[test]
    fn layers_and_images_are_found_again() {
        let temporary = tempfile::tempdir().unwrap();
        let store = ImageStore::open(temporary.path().to_owned()).unwrap();
        let diff_id = digest_of(b"layer");
        assert_eq!(store.layer(&diff_id).unwrap(), None);
        let directory = store.new_directory("x").unwrap();
        fs::write(directory.join("file"), "1").unwrap();
        let name = store.adopt_layer(&diff_id, &directory).unwrap();
        assert_eq!(store.layer(&diff_id).unwrap(), Some(name.clone()));
        let same_name = format!("sha256:{}{}", &diff_id[7..33], "0".repeat(38));
        assert_eq!(
            store.layer(&same_name).unwrap(),
            None,
            "the whole digest counts"
        );

        let image = Image {
            reference: "a/b:c".into(),
            digest: digest_of(b"m"),
            config: ImageConfig::default(),
        };
        let stored = StoredImage {
            image,
            layers: vec![name.clone()],
        };
        store.save(&stored).unwrap();
        assert_eq!(store.find("a/b:c"), Some(stored));
        assert_eq!(store.find("a/b:d"), None);
        fs::remove_dir_all(store.layers_directory().join(name)).unwrap();
        assert_eq!(
            store.find("a/b:c"),
            None,
            "an image without its layers is not there"
        );
    }

    #[test]
    fn names_cannot_be_paths() {
        assert_eq!(layer_name("sha256:../../etc"), None);
        assert_eq!(layer_name("md5:abc"), None);
    }
}
