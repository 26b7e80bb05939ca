//! Envelope encryption of what the state must not hold in the clear.
//!
//! A value is sealed (AES-256-GCM, a random nonce) with a *data key*; data keys are rows of the state, wrapped by the
//! *root key*, which is a file beside the state and in no backup. What a value is sealed for (table, key and a label)
//! is authenticated with it: a ciphertext moved to another row does not open. [`Vault::rotate`] makes a new root key
//! and a new data key and wraps all data keys anew; values keep the data key that they were sealed with until their
//! next write.
//!
//! Nothing here shows a plaintext: not `Debug`, not an error.

mod cipher;
mod error;
mod file;
mod record;
mod sealed;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use clock::Clock;
use state::{Schema, StateError, Store};

use cipher::Key;
pub use error::VaultError;
use file::RootKeys;
pub use file::{ROOT_KEY_FILE, check_root_key_file};
pub use record::DataKeyRecord;
pub use sealed::{Plaintext, Sealed};

/// Data keys wrapped anew by one transaction.
const REWRAPPED_AT_ONCE: usize = 50;

/// Seals and opens. Cheap to share behind an [`Arc`].
pub struct Vault {
    store: Store,
    clock: Clock,
    path: PathBuf,
    root: RwLock<RootKeys>,
    /// Data keys that were unwrapped, by id.
    keys: RwLock<HashMap<String, Arc<Key>>>,
}

/// What a value is sealed for; to open it the same must be named.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    pub table: &'a str,
    pub key: &'a str,
    /// Which of the row's values; free where there is one.
    pub label: &'a str,
}

/// What [`Vault::rotate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    pub root_key_id: String,
    /// Data keys that the new root key wraps now, the new one included.
    pub data_keys: usize,
}

impl Vault {
    /// Registers the table of data keys.
    pub fn schema(schema: Schema) -> Schema {
        schema.table::<DataKeyRecord>()
    }

    /// Reads the root key of `data_dir`, or makes one if nothing was sealed yet; ends a rotation that a crash cut off.
    ///
    /// # Errors
    /// [`VaultError::RootKeyMissing`] if the state holds data keys that no root key here unwraps.
    pub async fn open(
        store: Store,
        clock: Clock,
        data_dir: &Path,
    ) -> Result<Arc<Self>, VaultError> {
        let path = data_dir.join(ROOT_KEY_FILE);
        let records = store.read(|head| head.scan::<DataKeyRecord>("").cloned().collect());
        let records: Vec<Arc<DataKeyRecord>> = records.durable().await?;
        let root = match RootKeys::read(&path)? {
            Some(root) => root,
            None if records.is_empty() => RootKeys::create(&path, &clock)?,
            None => {
                return Err(VaultError::RootKeyMissing {
                    path,
                    root_key_id: records[0].root_key_id.clone(),
                });
            }
        };
        for record in &records {
            if root.get(&record.root_key_id).is_none() {
                return Err(VaultError::RootKeyMissing {
                    path,
                    root_key_id: record.root_key_id.clone(),
                });
            }
        }
        let vault = Arc::new(Self {
            store,
            clock,
            path,
            root: RwLock::new(root),
            keys: RwLock::default(),
        });
        if vault.root().has_previous() {
            vault.rewrap().await?;
        }
        Ok(vault)
    }

    /// Seals a value. Waits for the disk once, when the first data key is made.
    pub async fn seal(&self, purpose: Purpose<'_>, plaintext: &[u8]) -> Result<Sealed, VaultError> {
        let newest = self
            .store
            .read(|head| newest(head.scan::<DataKeyRecord>("")));
        let record = match newest.head() {
            Some(record) => record,
            None => self.add_data_key().await?,
        };
        let key = self.unwrapped(&record)?;
        Ok(Sealed {
            data_key_id: record.id.clone(),
            bytes: key.seal(&self.clock, &purpose.associated_data(), plaintext),
        })
    }

    /// Opens what was sealed for this purpose.
    ///
    /// # Errors
    /// [`VaultError::NotAuthentic`] if it was sealed for another, or was touched.
    pub fn open_sealed(
        &self,
        purpose: Purpose<'_>,
        sealed: &Sealed,
    ) -> Result<Plaintext, VaultError> {
        let known = self.known_key(&sealed.data_key_id);
        let key = match known {
            Some(key) => key,
            None => {
                let record = self
                    .store
                    .read(|head| head.get::<DataKeyRecord>(&sealed.data_key_id));
                let record = record.head().ok_or_else(|| VaultError::DataKeyMissing {
                    data_key_id: sealed.data_key_id.clone(),
                })?;
                self.unwrapped(&record)?
            }
        };
        let plaintext = key.open(&purpose.associated_data(), &sealed.bytes);
        plaintext
            .map(Plaintext::new)
            .ok_or(VaultError::NotAuthentic)
    }

    /// A new root key wraps all data keys, and a new data key seals what is written from now on. The old root key is
    /// removed from the file once nothing needs it; whoever keeps backups of before must keep it too.
    pub async fn rotate(&self) -> Result<Rotated, VaultError> {
        let added = self.root().with_new(&self.clock);
        added.write(&self.path, &self.clock)?;
        *self.root.write().unwrap_or_else(PoisonError::into_inner) = added;
        self.add_data_key().await?;
        let data_keys = self.rewrap().await?;
        Ok(Rotated {
            root_key_id: self.root().newest_id().to_owned(),
            data_keys,
        })
    }

    /// The id of the root key that wraps data keys now.
    pub fn root_key_id(&self) -> String {
        self.root().newest_id().to_owned()
    }

    fn root(&self) -> RootKeys {
        self.root
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn known_key(&self, id: &str) -> Option<Arc<Key>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(id).cloned()
    }

    async fn add_data_key(&self) -> Result<Arc<DataKeyRecord>, VaultError> {
        let root = self.root();
        let secret = cipher::random_secret(&self.clock);
        let id = self.clock.uuid();
        let record = DataKeyRecord {
            wrapped: root
                .newest()
                .seal(&self.clock, record::wrapping(&id).as_bytes(), &*secret),
            root_key_id: root.newest_id().to_owned(),
            created_at: self.clock.now(),
            id,
        };
        let added = record.clone();
        let committed = self.store.transact(|tx| tx.insert(added))?;
        // Values sealed with it must not be durable before it is.
        committed.durable().await?;
        Ok(Arc::new(record))
    }

    fn unwrapped(&self, record: &DataKeyRecord) -> Result<Arc<Key>, VaultError> {
        if let Some(key) = self.known_key(&record.id) {
            return Ok(key);
        }
        let key = Arc::new(Key::new(&self.unwrap_secret(record)?));
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(record.id.clone(), Arc::clone(&key));
        Ok(key)
    }

    fn unwrap_secret(&self, record: &DataKeyRecord) -> Result<Plaintext, VaultError> {
        let root = self.root();
        let key = root
            .get(&record.root_key_id)
            .ok_or_else(|| VaultError::RootKeyMissing {
                path: self.path.clone(),
                root_key_id: record.root_key_id.clone(),
            })?;
        let secret = key.open(record::wrapping(&record.id).as_bytes(), &record.wrapped);
        secret.map(Plaintext::new).ok_or(VaultError::NotAuthentic)
    }

    /// Wraps every data key with the newest root key, then forgets the older ones. Answers how many there are.
    async fn rewrap(&self) -> Result<usize, VaultError> {
        let root = self.root();
        let records = self
            .store
            .read(|head| head.scan::<DataKeyRecord>("").cloned().collect());
        let records: Vec<Arc<DataKeyRecord>> = records.durable().await?;
        let mut anew = Vec::new();
        for record in &records {
            if record.root_key_id != root.newest_id() {
                let secret = self.unwrap_secret(record)?;
                let purpose = record::wrapping(&record.id);
                anew.push(DataKeyRecord {
                    wrapped: root.newest().seal(&self.clock, purpose.as_bytes(), &secret),
                    root_key_id: root.newest_id().to_owned(),
                    ..(**record).clone()
                });
            }
        }
        for part in anew.chunks(REWRAPPED_AT_ONCE) {
            let written = self.store.transact(|tx| {
                part.iter().for_each(|record| tx.put(record.clone()));
                Ok::<_, StateError>(())
            })?;
            written.durable().await?;
        }
        let only_newest = root.without_previous();
        only_newest.write(&self.path, &self.clock)?;
        *self.root.write().unwrap_or_else(PoisonError::into_inner) = only_newest;
        Ok(records.len())
    }
}

impl Purpose<'_> {
    /// Lengths first, so that no two purposes have the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        let mut bytes =
            Vec::with_capacity(self.table.len() + self.key.len() + self.label.len() + 24);
        for part in [self.table, self.key, self.label] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Vault({})", self.path.display())
    }
}

fn newest<'a>(records: impl Iterator<Item = &'a Arc<DataKeyRecord>>) -> Option<Arc<DataKeyRecord>> {
    records
        .max_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)))
        .cloned()
}
