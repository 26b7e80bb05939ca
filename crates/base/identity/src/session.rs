//! Temporary credentials without a row each: everything about a session is in its token, sealed by a key of the server.
//!
//! A token is AES-256-GCM over the session's record, bound to its access key id. Whoever holds it can neither read nor
//! change it. It ends by its own time; what it may do is looked up with every request, so that a role that changes or is
//! gone takes effect at once.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clock::{Clock, UnixMillis};
use serde::{Deserialize, Serialize};
use state::{Record, StateError, Store};

use crate::{AccessKeyRecord, Credentials, KeyOwner};

const KEY_BYTES: usize = 32;
const ONLY_KEY: &str = "sessions";
/// Says how the rest is to be read.
const PREFIX: &str = "Gw1";

/// The key of the seal, made at first start.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionKeyRecord {
    secret: String,
}

impl Record for SessionKeyRecord {
    const TABLE: &'static str = "session_key";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        ONLY_KEY.to_owned()
    }
}

/// Without the secret: records are printed in errors and logs.
impl fmt::Debug for SessionKeyRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SessionKeyRecord")
            .finish_non_exhaustive()
    }
}

/// Makes and opens session tokens. Cheap to clone.
#[derive(Clone)]
pub struct SessionSeal {
    key: Arc<LessSafeKey>,
    names: Arc<hmac::Key>,
}

impl SessionSeal {
    /// Makes the key if there is none yet.
    ///
    /// # Errors
    /// If the store fails, or the key in it is damaged.
    pub async fn open_key(store: &Store, clock: &Clock) -> Result<Self, StateError> {
        let mut bytes = [0u8; KEY_BYTES];
        clock.fill_random(&mut bytes);
        let fresh = SessionKeyRecord {
            secret: STANDARD.encode(bytes),
        };
        let record = store.transact(|tx| {
            if let Some(known) = tx.get::<SessionKeyRecord>(ONLY_KEY) {
                return Ok::<_, StateError>((*known).clone());
            }
            tx.insert(fresh.clone())?;
            Ok(fresh)
        })?;
        let record = record.durable().await?;
        let secret = STANDARD.decode(&record.secret).unwrap_or_default();
        Self::of(&secret).ok_or(StateError::Version {
            table: SessionKeyRecord::TABLE,
            found: 0,
            known: SessionKeyRecord::VERSION,
        })
    }

    fn of(secret: &[u8]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM, secret).ok()?;
        Some(Self {
            key: Arc::new(LessSafeKey::new(key)),
            names: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)),
        })
    }

    /// New temporary credentials with their token.
    pub fn mint(
        &self,
        owner: KeyOwner,
        account: &str,
        expires_at: UnixMillis,
        clock: &Clock,
    ) -> Credentials {
        let mut credentials = Credentials::generate_temporary(clock);
        let record = AccessKeyRecord {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
            session_token: None,
            account: account.to_owned(),
            owner,
            created_at: clock.now(),
            expires_at: Some(expires_at),
            is_inactive: false,
        };
        let mut sealed = serde_json::to_vec(&record).expect("strings and numbers are JSON");
        let mut nonce = [0u8; NONCE_LEN];
        clock.fill_random(&mut nonce);
        let bound = Aad::from(credentials.access_key_id.as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut sealed)
            .expect("a session is shorter than what AES-GCM seals");
        let whole = [&nonce[..], &sealed].concat();
        credentials.session_token = Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(whole)));
        credentials
    }

    /// An id in the form of a UUID that is always the same for a text, and that nobody guesses.
    pub fn id_of(&self, text: &str) -> String {
        let code = hmac::sign(&self.names, text.as_bytes());
        let hex: String = code.as_ref()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        parts.join("-")
    }

    /// What a token holds, if it was made here for this key.
    pub fn open(&self, access_key_id: &str, token: &str) -> Option<AccessKeyRecord> {
        let mut whole = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (nonce, sealed) = whole.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let bound = Aad::from(access_key_id.as_bytes());
        let opened = self.key.open_in_place(nonce, bound, sealed).ok()?;
        let record: AccessKeyRecord = serde_json::from_slice(opened).ok()?;
        (record.access_key_id == access_key_id).then(|| AccessKeyRecord {
            session_token: Some(token.to_owned()),
            ..record
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_key_and_its_server_only() {
        let clock = Clock::system();
        let seal = SessionSeal::of(&[7; KEY_BYTES]).expect("a key");
        let owner = KeyOwner::User {
            id: "AIDA1".into(),
            name: "bob".into(),
            path: "/".into(),
        };
        assert_eq!(seal.id_of("a"), seal.id_of("a"));
        assert_ne!(seal.id_of("a"), seal.id_of("b"));
        assert_eq!(seal.id_of("a").len(), 36);
        let end = UnixMillis(5);
        let made = seal.mint(owner.clone(), "123456789012", end, &clock);
        let token = made.session_token.clone().expect("with a token");
        assert!(made.access_key_id.starts_with("ASIA"));
        assert!(!token.contains(&made.secret_access_key));
        let opened = seal.open(&made.access_key_id, &token).expect("opened");
        assert_eq!(opened.credentials(), made);
        assert_eq!((opened.owner, opened.expires_at), (owner, Some(end)));

        assert_eq!(seal.open("ASIAOTHER", &token), None);
        let other = SessionSeal::of(&[8; KEY_BYTES]).expect("a key");
        assert_eq!(other.open(&made.access_key_id, &token), None);
        for position in (0..token.len()).step_by(7) {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            let touched = String::from_utf8(bytes).expect("text");
            assert_eq!(seal.open(&made.access_key_id, &touched), None, "{position}");
        }
        for text in ["", "Gw1", "Gw1AAAA", "é"] {
            assert_eq!(seal.open(&made.access_key_id, text), None);
        }
    }
}
