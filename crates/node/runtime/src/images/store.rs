//! What is unpacked on this node.
//!
//! ```text
//! <data>/images/layers/<name>/       a layer's files, whiteouts as overlayfs wants them
//!               layers/<name>.json   its whole digest; without it no layer
//!               references/<hash>.json
//!               unpacking/<random>/  thrown away at start
//! ```
//!
//! A layer is known by the digest of its uncompressed archive (`diff_id`), so that the same layer is unpacked once
//! however it was compressed. Its directory's name is only the beginning of that digest, because overlayfs takes
//! the names of all layers in one page; the whole digest is compared before a layer is used.
//!
//! A new layer's files are not synced when it is first used: beside heavy writers that takes minutes. Until they are, its
//! record holds for this boot of the machine only; what a loss of power may have damaged is then fetched again.

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
use crate::process::boot_id;

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
    boot_id: Arc<str>,
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
    /// The boot in which it was unpacked, as long as its files may not be on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsynced_in_boot: Option<String>,
}

impl ImageStore {
    /// Opens the store and throws away what an earlier process had not finished.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        let store = Self {
            root,
            gate: Arc::default(),
            boot_id: boot_id()?.into(),
        };
        remove_tree(&store.unpacking())?;
        for directory in [
            store.layers_directory(),
            store.references(),
            store.unpacking(),
        ] {
            fs::create_dir_all(directory)?;
        }
        for (name, record) in store.unsynced()? {
            if record.unsynced_in_boot.as_deref() != Some(&*store.boot_id) {
                fs::remove_file(store.record_path(&name))?;
                remove_tree(&store.layers_directory().join(&name))?;
            }
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
            .all(|name| self.layers_directory().join(name).is_dir() && self.has_record(name));
        (stored.image.reference == reference && unpacked).then_some(stored)
    }

    /// Holds for this boot until [`ImageStore::sync`].
    pub(crate) fn save(&self, image: &StoredImage) -> io::Result<()> {
        write_json(
            &self.reference_path(&image.image.reference),
            image,
            Durability::ThisBoot,
        )
    }

    /// Makes what was unpacked outlive a loss of power. Takes as long as the disk is busy.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let unsynced = self.unsynced()?;
        if unsynced.is_empty() {
            return Ok(());
        }
        syncfs(fs::File::open(self.layers_directory())?)?;
        let _kept = self.gate.blocking_read();
        for (name, record) in unsynced {
            let path = self.record_path(&name);
            // Deleted in between: then there is no layer to speak for.
            if path.exists() {
                let record = LayerRecord {
                    unsynced_in_boot: None,
                    ..record
                };
                write_json(&path, &record, Durability::Synced)?;
            }
        }
        Ok(())
    }

    /// The layer's directory name, if it is unpacked.
    pub(crate) fn layer(&self, diff_id: &str) -> io::Result<Option<String>> {
        let Some(name) = layer_name(diff_id) else {
            return Ok(None);
        };
        let record = self.record(&name)?;
        Ok(record
            .filter(|record| record.diff_id == diff_id)
            .map(|_| name))
    }

    fn has_record(&self, name: &str) -> bool {
        name == Self::EMPTY_LAYER || matches!(self.record(name), Ok(Some(_)))
    }

    /// A record that was not synced may be anything after a loss of power; then it is none.
    fn record(&self, name: &str) -> io::Result<Option<LayerRecord>> {
        match read_json(&self.record_path(name)) {
            Err(error) if is_damage(&error) => Ok(None),
            read => read,
        }
    }

    /// Layers whose files may not be on the disk yet, by name.
    fn unsynced(&self) -> io::Result<Vec<(String, LayerRecord)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.layers_directory())? {
            let Ok(file) = entry?.file_name().into_string() else {
                continue;
            };
            let Some(name) = file.strip_suffix(".json") else {
                continue;
            };
            let record = self.record(name)?;
            found.extend(
                record
                    .filter(|record| record.unsynced_in_boot.is_some())
                    .map(|record| (name.to_owned(), record)),
            );
        }
        Ok(found)
    }

    /// An empty directory to unpack into.
    pub(crate) fn new_directory(&self, random: &str) -> io::Result<PathBuf> {
        let directory = self.unpacking().join(random);
        fs::create_dir(&directory)?;
        // Whatever the umask: everybody may enter an image's root.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        Ok(directory)
    }

    /// Takes an unpacked directory in as this layer, for this boot until [`ImageStore::sync`].
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
        let record = LayerRecord {
            diff_id: diff_id.to_owned(),
            unsynced_in_boot: Some(self.boot_id.to_string()),
        };
        write_json(&self.record_path(&name), &record, Durability::ThisBoot)?;
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

fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
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

    /// What a loss of power leaves: files of another boot.
    #[test]
    fn what_was_not_synced_is_of_its_boot() {
        let temporary = tempfile::tempdir().unwrap();
        let open = || ImageStore::open(temporary.path().to_owned()).unwrap();
        let store = open();
        let adopt = |content: &[u8]| {
            let directory = store.new_directory("x").unwrap();
            fs::write(directory.join("file"), content).unwrap();
            let diff_id = digest_of(content);
            let name = store.adopt_layer(&diff_id, &directory).unwrap();
            (diff_id, name)
        };
        let (synced, _) = adopt(b"synced");
        store.sync().unwrap();
        assert!(store.unsynced().unwrap().is_empty());
        let (lost, lost_name) = adopt(b"lost");
        let (damaged, damaged_name) = adopt(b"damaged");
        assert!(
            open().layer(&lost).unwrap().is_some(),
            "the agent's restart"
        );
        let path = store.record_path(&lost_name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&*store.boot_id, "another boot")).unwrap();
        fs::write(store.record_path(&damaged_name), "").unwrap();
        let again = open();
        assert!(again.layer(&synced).unwrap().is_some());
        assert_eq!(again.layer(&lost).unwrap(), None);
        assert_eq!(again.layer(&damaged).unwrap(), None);
        assert!(!again.layers_directory().join(lost_name).exists());
    }

    #[test]
    fn names_cannot_be_paths() {
        assert_eq!(layer_name("sha256:../../etc"), None);
        assert_eq!(layer_name("md5:abc"), None);
    }
}
