//! Access keys as the server holds them, and where a verifier finds them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use clock::{Clock, UnixMillis};
use serde::{Deserialize, Serialize};
use state::{Index, Record, Store};

use crate::{Credentials, SessionSeal};

/// Whom a key makes its holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyOwner {
    Root,
    Node {
        node_id: String,
    },
    User {
        id: String,
        name: String,
        path: String,
    },
    /// Of temporary credentials, which are in no table.
    Role(Arc<wire::RoleSession>),
}

impl KeyOwner {
    pub fn principal(&self) -> wire::Principal {
        match self {
            KeyOwner::Root => wire::Principal::Root,
            KeyOwner::Node { node_id } => wire::Principal::Node {
                node_id: node_id.clone(),
            },
            KeyOwner::User { id, name, path } => wire::Principal::User {
                id: id.clone(),
                name: name.clone(),
                path: path.clone(),
            },
            KeyOwner::Role(session) => wire::Principal::Role(Arc::clone(session)),
        }
    }
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
    pub account: String,
    pub owner: KeyOwner,
    pub created_at: UnixMillis,
    pub expires_at: Option<UnixMillis>,
    /// The owner took it out of use, for now.
    #[serde(default)]
    pub is_inactive: bool,
}

impl AccessKeyRecord {
    pub fn root(credentials: &Credentials, account: impl Into<String>, now: UnixMillis) -> Self {
        Self::owned_by(KeyOwner::Root, credentials, account, now)
    }

    /// A new key for a node; the caller stores it and hands the credentials to the node.
    pub fn mint_for_node(
        node_id: impl Into<String>,
        account: impl Into<String>,
        clock: &Clock,
    ) -> Self {
        let owner = KeyOwner::Node {
            node_id: node_id.into(),
        };
        Self::owned_by(owner, &Credentials::generate(clock), account, clock.now())
    }

    /// What the holder signs with.
    pub fn credentials(&self) -> Credentials {
        Credentials {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            session_token: self.session_token.clone(),
        }
    }

    /// A new long-lived key; the caller stores it.
    pub fn mint(owner: KeyOwner, account: impl Into<String>, clock: &Clock) -> Self {
        Self::owned_by(owner, &Credentials::generate(clock), account, clock.now())
    }

    fn owned_by(
        owner: KeyOwner,
        credentials: &Credentials,
        account: impl Into<String>,
        now: UnixMillis,
    ) -> Self {
        Self {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
            session_token: credentials.session_token.clone(),
            account: account.into(),
            owner,
            created_at: now,
            expires_at: None,
            is_inactive: false,
        }
    }
}

/// One table for all accounts: a request names nothing but the key id before it is verified.
impl Record for AccessKeyRecord {
    const TABLE: &'static str = "access_keys";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        self.access_key_id.clone()
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: AccessKeyRecord::BY_USER,
            keys: |key| match &key.owner {
                KeyOwner::User { id, .. } => vec![id.clone()],
                _ => Vec::new(),
            },
        }]
    }
}

impl AccessKeyRecord {
    /// The keys of a user's id.
    pub const BY_USER: &'static str = "by_user";
}

/// Without the secret: records are printed in errors and logs.
impl fmt::Debug for AccessKeyRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AccessKeyRecord")
            .field("access_key_id", &self.access_key_id)
            .field("account", &self.account)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

pub trait FindAccessKey: Send + Sync {
    fn find_access_key(&self, access_key_id: &str) -> Option<Arc<AccessKeyRecord>>;

    /// The key of temporary credentials: their token holds it. None if the token is not ours, or not of this key.
    fn open_session(&self, access_key_id: &str, token: &str) -> Option<Arc<AccessKeyRecord>> {
        let _ = (access_key_id, token);
        None
    }
}

/// The keys that live outside the store (root's, in its file) before those of the store.
pub struct AccessKeys {
    fixed: HashMap<String, Arc<AccessKeyRecord>>,
    store: Option<Store>,
    seal: Option<SessionSeal>,
}

impl AccessKeys {
    pub fn fixed(keys: impl IntoIterator<Item = AccessKeyRecord>) -> Self {
        let fixed = keys
            .into_iter()
            .map(|key| (key.access_key_id.clone(), Arc::new(key)))
            .collect();
        Self {
            fixed,
            store: None,
            seal: None,
        }
    }

    pub fn and_store(self, store: Store) -> Self {
        Self {
            store: Some(store),
            ..self
        }
    }

    /// Temporary credentials that this seal made are good too.
    pub fn and_sessions(self, seal: SessionSeal) -> Self {
        Self {
            seal: Some(seal),
            ..self
        }
    }
}

impl FindAccessKey for AccessKeys {
    fn find_access_key(&self, access_key_id: &str) -> Option<Arc<AccessKeyRecord>> {
        if let Some(key) = self.fixed.get(access_key_id) {
            return Some(Arc::clone(key));
        }
        let read = self
            .store
            .as_ref()?
            .read(|head| head.get::<AccessKeyRecord>(access_key_id));
        // The head is enough: a minted key is told to nobody before it is durable.
        read.head().filter(|key| !key.is_inactive)
    }

    fn open_session(&self, access_key_id: &str, token: &str) -> Option<Arc<AccessKeyRecord>> {
        self.seal.as_ref()?.open(access_key_id, token).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use state::{MemoryEngine, Schema, StateError};

    use super::*;

    #[tokio::test]
    async fn keys_of_the_store_are_found_until_they_are_deleted() {
        let clock = Clock::system();
        let schema = Schema::new().table::<AccessKeyRecord>();
        let engine = Arc::new(MemoryEngine::default());
        let store = Store::open(engine, schema, clock.clone())
            .await
            .expect("opened");
        let root = AccessKeyRecord::root(&Credentials::generate(&clock), "1", clock.now());
        let keys = AccessKeys::fixed([root.clone()]).and_store(store.clone());
        let node = AccessKeyRecord::mint_for_node("node-1", "1", &clock);
        let id = node.access_key_id.clone();
        assert!(keys.find_access_key(&id).is_none());
        let minted = store.transact(|tx| tx.insert(node.clone()));
        minted.expect("inserted").durable().await.expect("durable");
        assert_eq!(keys.find_access_key(&id).as_deref(), Some(&node));
        assert_eq!(
            keys.find_access_key(&root.access_key_id).as_deref(),
            Some(&root)
        );
        let deleted = store.transact(|tx| {
            tx.delete::<AccessKeyRecord>(&id);
            Ok::<(), StateError>(())
        });
        deleted.expect("deleted").durable().await.expect("durable");
        assert!(keys.find_access_key(&id).is_none());
    }
}
