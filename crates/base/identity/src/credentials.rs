//! An access key as its owner holds it.

use std::fmt;

use clock::Clock;

/// AWS key ids are twenty characters of the base 32 alphabet after a prefix that tells the kind.
const KEY_ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const KEY_ID_PREFIX: &str = "AKIA";
const TEMPORARY_KEY_ID_PREFIX: &str = "ASIA";
const KEY_ID_RANDOM_LENGTH: usize = 16;
/// Thirty random bytes are the forty characters of base 64 that an AWS secret has.
const SECRET_RANDOM_BYTES: usize = 30;

#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl Credentials {
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }

    /// New long-lived credentials in the form that AWS gives them.
    pub fn generate(clock: &Clock) -> Self {
        Self::generate_with(KEY_ID_PREFIX, clock)
    }

    /// As [`generate`](Self::generate), with the key id of temporary credentials; their token is still to be made.
    pub fn generate_temporary(clock: &Clock) -> Self {
        Self::generate_with(TEMPORARY_KEY_ID_PREFIX, clock)
    }

    fn generate_with(prefix: &str, clock: &Clock) -> Self {
        use base64::Engine as _;
        let mut id_bytes = [0u8; KEY_ID_RANDOM_LENGTH];
        clock.fill_random(&mut id_bytes);
        let mut access_key_id = String::from(prefix);
        access_key_id.extend(
            id_bytes
                .iter()
                .map(|byte| char::from(KEY_ID_ALPHABET[usize::from(byte % 32)])),
        );
        let mut secret_bytes = [0u8; SECRET_RANDOM_BYTES];
        clock.fill_random(&mut secret_bytes);
        Self {
            access_key_id,
            secret_access_key: base64::engine::general_purpose::STANDARD.encode(secret_bytes),
            session_token: None,
        }
    }
}

/// Never prints the secret: credentials travel inside structs that get logged.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_credentials_have_the_form_of_aws() {
        let clock = Clock::system();
        let one = Credentials::generate(&clock);
        let two = Credentials::generate(&clock);
        assert_eq!(one.access_key_id.len(), 20);
        assert!(one.access_key_id.starts_with("AKIA"));
        assert!(
            one.access_key_id
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        );
        assert_eq!(one.secret_access_key.len(), 40);
        assert_ne!(one, two);
        assert!(!format!("{one:?}").contains(&one.secret_access_key));
    }
}
