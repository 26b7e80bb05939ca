//! Values of versions: sealing, opening, and writing one more.

use std::sync::Arc;

use api_secretsmanager::errors::{invalid_parameter_exception, resource_exists_exception};
use kit::answer::Refusal;
use limits::{SECRET_BYTES, SECRET_VERSIONS};
use state::{Head, Record, Tx};
use wire::{Blob, Error};

use crate::SecretsManager;
use crate::records::{SecretRecord, SecretVersionRecord, purpose, version_key};
use crate::refusals::vault_failed;
use crate::stages;

/// A value as a request brings it.
pub(crate) struct NewValue {
    bytes: Vec<u8>,
    is_binary: bool,
}

impl NewValue {
    /// None: the request brings none.
    pub(crate) fn of(string: Option<String>, binary: Option<Blob>) -> Result<Option<Self>, Error> {
        let value = match (string, binary) {
            (Some(_), Some(_)) => {
                return Err(invalid_parameter_exception(
                    "You can't specify both a binary secret value and a string secret value in the same secret.",
                ));
            }
            (Some(string), None) => Self {
                bytes: string.into_bytes(),
                is_binary: false,
            },
            (None, Some(Blob(bytes))) => Self {
                bytes,
                is_binary: true,
            },
            (None, None) => return Ok(None),
        };
        if value.bytes.len() > SECRET_BYTES {
            return Err(invalid_parameter_exception(format!(
                "The secret value is too long: it must have no more than {SECRET_BYTES} bytes."
            )));
        }
        Ok(Some(value))
    }
}

/// A value as an answer shows it: SecretString or SecretBinary.
pub(crate) type Shown = (Option<String>, Option<Blob>);

impl SecretsManager {
    pub(crate) async fn sealed(
        &self,
        secret: &SecretRecord,
        version_id: &str,
        value: &NewValue,
    ) -> Result<SecretVersionRecord, Error> {
        let arn = secret.arn();
        let sealed = self
            .vault
            .seal(purpose(&arn, version_id), &value.bytes)
            .await;
        Ok(SecretVersionRecord {
            secret: secret.key(),
            version_id: version_id.to_owned(),
            value: sealed.map_err(|error| vault_failed(&error))?,
            is_binary: value.is_binary,
            created_at: self.clock.now(),
        })
    }

    pub(crate) fn opened(
        &self,
        secret: &SecretRecord,
        version: &SecretVersionRecord,
    ) -> Result<Shown, Error> {
        let arn = secret.arn();
        let opened = self
            .vault
            .open_sealed(purpose(&arn, &version.version_id), &version.value);
        let opened = opened.map_err(|error| vault_failed(&error))?;
        if version.is_binary {
            return Ok((None, Some(Blob(opened.to_vec()))));
        }
        let text = opened
            .to_text()
            .ok_or_else(|| Error::internal("a secret string is not text"))?;
        Ok((Some(text), None))
    }

    /// What a version id that is there already means: the same request again, or a conflict.
    pub(crate) fn check_same(
        &self,
        secret: &SecretRecord,
        present: &SecretVersionRecord,
        value: &NewValue,
    ) -> Result<(), Error> {
        let arn = secret.arn();
        let opened = self
            .vault
            .open_sealed(purpose(&arn, &present.version_id), &present.value);
        let opened = opened.map_err(|error| vault_failed(&error))?;
        if present.is_binary == value.is_binary && *opened == *value.bytes {
            return Ok(());
        }
        Err(resource_exists_exception(format!(
            "You can't use ClientRequestToken {} because that value is already in use for a version of secret {arn}.",
            present.version_id
        )))
    }
}

pub(crate) fn find(
    head: &Head,
    secret: &SecretRecord,
    version_id: &str,
) -> Option<Arc<SecretVersionRecord>> {
    head.get::<SecretVersionRecord>(&version_key(&secret.key(), version_id))
}

/// The versions of a secret, the oldest first.
pub(crate) fn all(head: &Head, secret: &SecretRecord) -> Vec<Arc<SecretVersionRecord>> {
    let rows = head.scan::<SecretVersionRecord>(&version_key(&secret.key(), ""));
    let mut versions: Vec<_> = rows.cloned().collect();
    versions.sort_by(|a, b| (a.created_at, &a.version_id).cmp(&(b.created_at, &b.version_id)));
    versions
}

/// Adds a version with its labels. The oldest versions without a label make room: a secret with its versions is few
/// enough rows to be deleted at once.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    mut secret: SecretRecord,
    version: SecretVersionRecord,
    labels: &[String],
) -> Result<(), Refusal> {
    stages::attach(&mut secret.stages, labels, &version.version_id);
    secret.changed_at = version.created_at;
    let present = all(tx, &secret);
    let deprecated = present
        .iter()
        .filter(|version| secret.stages_of(&version.version_id).is_empty());
    let excess = (present.len() + 1).saturating_sub(SECRET_VERSIONS);
    let going: Vec<String> = deprecated
        .take(excess)
        .map(|version| version.key())
        .collect();
    for key in going {
        tx.delete::<SecretVersionRecord>(&key);
    }
    tx.put(secret);
    tx.insert(version)?;
    Ok(())
}

/// Removes a secret with all its versions.
pub(crate) fn remove(tx: &mut Tx<'_>, secret: &SecretRecord) {
    for version in all(tx, secret) {
        tx.delete::<SecretVersionRecord>(&version.key());
    }
    tx.delete::<SecretRecord>(&secret.key());
}
