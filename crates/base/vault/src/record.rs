//! The table of data keys.

use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};

/// A data key, wrapped by a root key. The vault writes it; only a rotation changes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataKeyRecord {
    pub id: String,
    /// Which root key wraps it.
    pub root_key_id: String,
    /// Nonce, ciphertext and tag.
    pub wrapped: Vec<u8>,
    pub created_at: UnixMillis,
}

impl Record for DataKeyRecord {
    const TABLE: &'static str = "vault_data_keys";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.id.clone()
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}

/// What a data key is wrapped for.
pub(crate) fn wrapping(id: &str) -> String {
    format!("{}/{id}", DataKeyRecord::TABLE)
}
