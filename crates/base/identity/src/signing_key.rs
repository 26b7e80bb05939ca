//! The key derived from a secret for one day, region and service, and a bounded cache of them:
//! four HMACs a request saved, of five.

use std::collections::HashMap;
use std::sync::RwLock;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use limits::SIGNING_KEY_CACHE_ENTRIES;

pub(crate) fn derive(secret: &str, day: &str, region: &str, service: &str) -> hmac::Key {
    let secret = format!("AWS4{secret}");
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    for part in [day, region, service, "aws4_request"] {
        let tag = hmac::sign(&key, part.as_bytes());
        key = hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref());
    }
    key
}

struct Entry {
    secret: String,
    key: hmac::Key,
}

/// Keyed by the whole credential, `AKIA…/day/region/service/aws4_request`, as the request spells it.
#[derive(Default)]
pub(crate) struct SigningKeyCache {
    entries: RwLock<HashMap<String, Entry>>,
}

impl SigningKeyCache {
    pub(crate) fn sign(
        &self,
        credential: &str,
        secret: &str,
        derive_key: impl FnOnce() -> hmac::Key,
        message: &str,
    ) -> hmac::Tag {
        // A poisoned lock holds a map that is valid all the same: entries are inserted whole.
        let entries = self
            .entries
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        // A key id may come back with another secret when an operator replaces the data directory.
        let known = entries.get(credential).filter(|entry| {
            verify_slices_are_equal(entry.secret.as_bytes(), secret.as_bytes()).is_ok()
        });
        if let Some(entry) = known {
            return hmac::sign(&entry.key, message.as_bytes());
        }
        drop(entries);
        let key = derive_key();
        let tag = hmac::sign(&key, message.as_bytes());
        let secret = secret.to_owned();
        let mut entries = self
            .entries
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        // Yesterday's keys go with the rest; they come back at the cost of one derivation each.
        if entries.len() >= SIGNING_KEY_CACHE_ENTRIES {
            entries.clear();
        }
        entries.insert(credential.to_owned(), Entry { secret, key });
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the IAM user guide's example of deriving a signing key.
    #[test]
    fn derives_the_key_of_the_documentation() {
        let key = derive(
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "20150830",
            "us-east-1",
            "iam",
        );
        let expected = hmac::Key::new(
            hmac::HMAC_SHA256,
            &[
                0xc4, 0xaf, 0xb1, 0xcc, 0x57, 0x71, 0xd8, 0x71, 0x76, 0x3a, 0x39, 0x3e, 0x44, 0xb7,
                0x03, 0x57, 0x1b, 0x55, 0xcc, 0x28, 0x42, 0x4d, 0x1a, 0x5e, 0x86, 0xda, 0x6e, 0xd3,
                0xc1, 0x54, 0xa4, 0xb9,
            ],
        );
        assert_eq!(
            hmac::sign(&key, b"message").as_ref(),
            hmac::sign(&expected, b"message").as_ref()
        );
    }

    #[test]
    fn another_secret_under_the_same_id_is_not_served_from_the_cache() {
        let cache = SigningKeyCache::default();
        let tag = |secret: &str| {
            let derive_key = || derive(secret, "20150830", "us-east-1", "iam");
            cache
                .sign("AKIA/20150830", secret, derive_key, "message")
                .as_ref()
                .to_vec()
        };
        let first = tag("one");
        assert_ne!(first, tag("two"));
        assert_eq!(first, tag("one"));
    }
}
