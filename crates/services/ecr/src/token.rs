//! Registry tokens: who they were given to and until when, with a message authentication code.
//!
//! Nothing is stored but the key, so tokens cost nothing, hold across restarts, and end by themselves.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::{Clock, UnixMillis};
use limits::REGISTRY_TOKEN_SECONDS;
use registry::Identity;
use serde::{Deserialize, Serialize};
use state::{Record, StateError, Store};

/// The one key, made at first start.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TokenKeyRecord {
    secret_hex: String,
}

impl Record for TokenKeyRecord {
    const TABLE: &'static str = "ecr_token_key";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        TOKEN_KEY.to_owned()
    }
}

/// Without the secret: records are printed in errors and logs.
impl std::fmt::Debug for TokenKeyRecord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TokenKeyRecord")
            .finish_non_exhaustive()
    }
}

const TOKEN_KEY: &str = "registry";

pub(crate) struct TokenKey(hmac::Key);

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("Your authorization token is invalid.")]
    Invalid,
    #[error("Your authorization token has expired. Reauthenticate and try again.")]
    Expired,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    account: String,
    region: String,
    principal: String,
    expires_at: UnixMillis,
}

impl TokenKey {
    pub async fn open(store: &Store, clock: &Clock) -> Result<Self, StateError> {
        let fresh = TokenKeyRecord {
            secret_hex: clock.random_hex(32),
        };
        let record = store.transact(|tx| {
            if let Some(known) = tx.get::<TokenKeyRecord>(TOKEN_KEY) {
                return Ok::<_, StateError>((*known).clone());
            }
            tx.insert(fresh.clone())?;
            Ok(fresh)
        })?;
        let record = record.durable().await?;
        let secret = record.secret_hex.as_bytes();
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// A token and when it ends.
    pub fn issue(&self, identity: &Identity, now: UnixMillis) -> (String, UnixMillis) {
        self.issue_for(identity, now, REGISTRY_TOKEN_SECONDS)
    }

    /// As [`issue`](Self::issue), good for so many seconds.
    pub fn issue_for(
        &self,
        identity: &Identity,
        now: UnixMillis,
        seconds: u64,
    ) -> (String, UnixMillis) {
        let expires_at = now + std::time::Duration::from_secs(seconds);
        let claims = Claims {
            account: identity.account.clone(),
            region: identity.region.clone(),
            principal: identity.principal.clone(),
            expires_at,
        };
        let claims = serde_json::to_vec(&claims).expect("strings and a number are JSON");
        let code = hmac::sign(&self.0, &claims);
        let token = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(&claims),
            URL_SAFE_NO_PAD.encode(code.as_ref())
        );
        (token, expires_at)
    }

    pub fn verify(&self, token: &str, now: UnixMillis) -> Result<Identity, TokenError> {
        let decode = |part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| TokenError::Invalid)
        };
        let (claims, code) = token.split_once('.').ok_or(TokenError::Invalid)?;
        let (claims, code) = (decode(claims)?, decode(code)?);
        hmac::verify(&self.0, &claims, &code).map_err(|_| TokenError::Invalid)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| TokenError::Invalid)?;
        if claims.expires_at <= now {
            return Err(TokenError::Expired);
        }
        Ok(Identity {
            account: claims.account,
            region: claims.region,
            principal: claims.principal,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(secret: &[u8]) -> TokenKey {
        TokenKey(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    fn identity() -> Identity {
        Identity {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            principal: "root".to_owned(),
        }
    }

    #[test]
    fn a_token_holds_until_it_ends() {
        let now = UnixMillis(1_000_000);
        let (token, expires_at) = key(b"secret").issue(&identity(), now);
        assert_eq!(expires_at, now + Duration::from_secs(12 * 3600));
        assert_eq!(key(b"secret").verify(&token, now), Ok(identity()));
        let last = UnixMillis(expires_at.0 - 1);
        assert_eq!(key(b"secret").verify(&token, last), Ok(identity()));
        let end = key(b"secret").verify(&token, expires_at);
        assert_eq!(end, Err(TokenError::Expired));
    }

    #[test]
    fn a_token_that_was_touched_is_invalid() {
        let now = UnixMillis(1_000_000);
        let (token, _) = key(b"secret").issue(&identity(), now);
        let other = key(b"other").verify(&token, now);
        assert_eq!(other, Err(TokenError::Invalid));
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let touched = String::from_utf8(bytes).expect("text");
            // The last character of a part may hold bits that mean nothing.
            if let Ok(identity) = key(b"secret").verify(&touched, now) {
                panic!("{position}: {identity:?}");
            }
        }
        for text in ["", ".", "x.y", "!"] {
            assert_eq!(key(b"secret").verify(text, now), Err(TokenError::Invalid));
        }
    }
}
