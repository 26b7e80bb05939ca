//! The tables of Secrets Manager. Names hold no colons, so a scan of one secret's versions meets no other's rows.

use std::collections::BTreeMap;

use clock::UnixMillis;
use kit::tags::Tags;
use serde::{Deserialize, Serialize};
use state::Record;
use vault::{Purpose, Sealed};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretRecord {
    pub account: String,
    pub region: String,
    pub name: String,
    /// Six random characters that end the ARN: another secret of the same name has others.
    pub suffix: String,
    pub description: Option<String>,
    pub kms_key_id: Option<String>,
    pub created_at: UnixMillis,
    pub changed_at: UnixMillis,
    /// The day, as AWS shows it.
    pub accessed_at: Option<UnixMillis>,
    /// When its deletion was asked for, and when it is done.
    pub deletion: Option<Deletion>,
    pub tags: Tags,
    /// JSON.
    pub resource_policy: Option<String>,
    /// Which version each staging label is on; a label is on one.
    pub stages: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    pub asked_at: UnixMillis,
    pub at: UnixMillis,
}

/// A value; it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretVersionRecord {
    /// Key of the secret.
    pub secret: String,
    pub version_id: String,
    pub value: Sealed,
    /// SecretBinary, else SecretString.
    pub is_binary: bool,
    pub created_at: UnixMillis,
}

impl Record for SecretRecord {
    const TABLE: &'static str = "secretsmanager_secrets";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        secret_key(&self.account, &self.region, &self.name)
    }
}

impl SecretRecord {
    pub fn arn(&self) -> String {
        let Self {
            account,
            region,
            name,
            suffix,
            ..
        } = self;
        format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-{suffix}")
    }

    /// The labels on a version.
    pub fn stages_of(&self, version_id: &str) -> Vec<String> {
        let on_it = self
            .stages
            .iter()
            .filter(|(_, version)| *version == version_id);
        on_it.map(|(stage, _)| stage.clone()).collect()
    }
}

impl Record for SecretVersionRecord {
    const TABLE: &'static str = "secretsmanager_versions";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        version_key(&self.secret, &self.version_id)
    }
}

/// What a value is sealed for: this version of the secret with this ARN.
pub(crate) fn purpose<'a>(arn: &'a str, version_id: &'a str) -> Purpose<'a> {
    Purpose {
        table: SecretVersionRecord::TABLE,
        key: arn,
        label: version_id,
    }
}

pub(crate) fn secret_key(account: &str, region: &str, name: &str) -> String {
    format!("{account}/{region}/{name}")
}

pub(crate) fn version_key(secret_key: &str, version_id: &str) -> String {
    format!("{secret_key}:{version_id}")
}
