//! The file of root keys: JSON, for its owner only, newest key first. There are two keys in it only while a rotation
//! is under way.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clock::Clock;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::cipher::{KEY_BYTES, Key, random_secret};
use crate::error::VaultError;

/// In the data directory.
pub const ROOT_KEY_FILE: &str = "root-key.json";
const VERSION: u32 = 1;
const OWNER_ONLY: u32 = 0o600;

#[derive(Clone)]
pub(crate) struct RootKeys(Vec<Arc<RootKey>>);

struct RootKey {
    id: String,
    secret: Zeroizing<[u8; KEY_BYTES]>,
    key: Key,
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    version: u32,
    keys: Vec<KeyEntry>,
}

#[derive(Serialize, Deserialize)]
struct KeyEntry {
    id: String,
    /// Base64.
    key: String,
}

impl Drop for KeyEntry {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// Whether a file is one of root keys; answers the ids of the keys in it.
pub fn check_root_key_file(path: &Path) -> Result<Vec<String>, VaultError> {
    let keys = RootKeys::read(path)?.ok_or_else(|| VaultError::File {
        action: "read",
        path: path.to_owned(),
        source: io::Error::from(ErrorKind::NotFound),
    })?;
    Ok(keys.0.iter().map(|key| key.id.clone()).collect())
}

impl RootKeys {
    /// None: there is no file.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, VaultError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", path)(error)),
        };
        let malformed = |reason| VaultError::Malformed {
            path: path.to_owned(),
            reason,
        };
        let file: KeyFile =
            serde_json::from_slice(&bytes).map_err(|_| malformed("it is not its JSON"))?;
        if file.version != VERSION {
            return Err(malformed("its version is not known to this binary"));
        }
        if file.keys.is_empty() {
            return Err(malformed("it holds no key"));
        }
        let mut keys = Vec::with_capacity(file.keys.len());
        for entry in &file.keys {
            let secret = STANDARD.decode(entry.key.as_bytes()).map(Zeroizing::new);
            let secret = secret.map_err(|_| malformed("a key is not Base64"))?;
            let secret = <[u8; KEY_BYTES]>::try_from(&secret[..]);
            let secret = secret.map_err(|_| malformed("a key has not 32 bytes"))?;
            keys.push(Arc::new(RootKey::new(
                entry.id.clone(),
                Zeroizing::new(secret),
            )));
        }
        // A copy may have widened it.
        fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))
            .map_err(failed("protect", path))?;
        Ok(Some(Self(keys)))
    }

    pub(crate) fn create(path: &Path, clock: &Clock) -> Result<Self, VaultError> {
        let keys = Self(Vec::new()).with_new(clock);
        keys.write(path, clock)?;
        Ok(keys)
    }

    pub(crate) fn with_new(&self, clock: &Clock) -> Self {
        let fresh = Arc::new(RootKey::new(clock.uuid(), random_secret(clock)));
        Self([fresh].into_iter().chain(self.0.iter().cloned()).collect())
    }

    pub(crate) fn without_previous(&self) -> Self {
        Self(self.0[..1].to_vec())
    }

    pub(crate) fn has_previous(&self) -> bool {
        self.0.len() > 1
    }

    pub(crate) fn newest(&self) -> &Key {
        &self.0[0].key
    }

    pub(crate) fn newest_id(&self) -> &str {
        &self.0[0].id
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Key> {
        let found = self.0.iter().find(|key| key.id == id);
        found.map(|key| &key.key)
    }

    /// Whole or not at all.
    pub(crate) fn write(&self, path: &Path, clock: &Clock) -> Result<(), VaultError> {
        let keys = self.0.iter().map(|key| KeyEntry {
            id: key.id.clone(),
            key: STANDARD.encode(*key.secret),
        });
        let file = KeyFile {
            version: VERSION,
            keys: keys.collect(),
        };
        let text = serde_json::to_vec_pretty(&file).expect("strings are JSON");
        let text = Zeroizing::new(text);
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
        let scratch = path.with_extension(format!("json.{}", clock.random_hex(8)));
        let written = write_owner_only(&scratch, &text)
            .and_then(|()| fs::rename(&scratch, path))
            .and_then(|()| File::open(directory)?.sync_all());
        written.map_err(|error| {
            let _ = fs::remove_file(&scratch);
            failed("write", path)(error)
        })
    }
}

impl RootKey {
    fn new(id: String, secret: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self {
            id,
            key: Key::new(&*secret),
            secret,
        }
    }
}

fn write_owner_only(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(OWNER_ONLY)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let path = path.to_owned();
    move |source| VaultError::File {
        action,
        path,
        source,
    }
}
