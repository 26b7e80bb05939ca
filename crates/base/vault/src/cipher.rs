//! AES-256-GCM. A sealed text is the nonce, the ciphertext and the tag.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use clock::Clock;
use zeroize::Zeroizing;

pub(crate) const KEY_BYTES: usize = 32;

/// Random nonces of 96 bits: safe for 2³² values under one key, which no installation writes between two rotations.
pub(crate) struct Key(LessSafeKey);

impl Key {
    /// # Panics
    /// Unless the secret has [`KEY_BYTES`].
    pub(crate) fn new(secret: &[u8]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, secret).expect("keys have 32 bytes");
        Self(LessSafeKey::new(key))
    }

    pub(crate) fn seal(&self, clock: &Clock, associated_data: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        clock.fill_random(&mut nonce);
        let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let tag = self.0.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated_data),
            &mut sealed[NONCE_LEN..],
        );
        let tag = tag.expect("a text of a request is shorter than 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// None: it was not sealed so.
    pub(crate) fn open(&self, associated_data: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(rest.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .0
            .open_in_place(nonce, Aad::from(associated_data), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }
}

pub(crate) fn random_secret(clock: &Clock) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut secret = Zeroizing::new([0; KEY_BYTES]);
    clock.fill_random(&mut *secret);
    secret
}
