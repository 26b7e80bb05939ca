//! The tables of Parameter Store. Names hold slashes but no colons, so a scan of one parameter's versions meets no
//! other's rows.

use clock::UnixMillis;
use kit::tags::Tags;
use serde::{Deserialize, Serialize};
use state::{Index, Record};
use vault::{Purpose, Sealed};

/// A parameter with its newest version: what almost every read wants is one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterRecord {
    pub account: String,
    pub region: String,
    pub name: String,
    pub latest: Version,
    pub tags: Tags,
}

/// An older version of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterVersionRecord {
    /// Key of the parameter.
    pub parameter: String,
    pub version: Version,
}

/// What PutParameter wrote; only its labels change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub number: i64,
    /// Drawn for each version: the label under which the vault sealed its value.
    pub value_id: String,
    pub value: Value,
    /// `String`, `StringList` or `SecureString`.
    pub kind: String,
    /// `Standard` or `Advanced`.
    pub tier: String,
    pub data_type: String,
    pub description: Option<String>,
    pub allowed_pattern: Option<String>,
    /// Of a SecureString.
    pub key_id: Option<String>,
    pub modified_at: UnixMillis,
    /// ARN.
    pub modified_by: String,
    pub labels: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Plain(String),
    Sealed(Sealed),
}

impl Record for ParameterRecord {
    const TABLE: &'static str = "ssm_parameters";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        parameter_key(&self.account, &self.region, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[Index {
            name: ParameterRecord::BY_TIER,
            keys: |parameter| {
                let Self {
                    account,
                    region,
                    latest,
                    ..
                } = parameter;
                vec![tier_key(account, region, &latest.tier)]
            },
        }]
    }
}

impl ParameterRecord {
    /// For the quotas, which are a number for each tier.
    pub const BY_TIER: &'static str = "by_tier";
}

impl Record for ParameterVersionRecord {
    const TABLE: &'static str = "ssm_parameter_versions";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        version_key(&self.parameter, self.version.number)
    }
}

/// What a value is sealed for. The number of a version is known only in the transaction that writes it, so its
/// `value_id` stands for it.
pub(crate) fn purpose<'a>(parameter_key: &'a str, value_id: &'a str) -> Purpose<'a> {
    Purpose {
        table: ParameterRecord::TABLE,
        key: parameter_key,
        label: value_id,
    }
}

pub(crate) fn parameter_key(account: &str, region: &str, name: &str) -> String {
    format!("{account}/{region}/{name}")
}

pub(crate) fn tier_key(account: &str, region: &str, tier: &str) -> String {
    format!("{account}/{region}/{tier}")
}

pub(crate) fn version_key(parameter_key: &str, number: i64) -> String {
    format!("{}{number:019}", versions_prefix(parameter_key))
}

pub(crate) fn versions_prefix(parameter_key: &str) -> String {
    format!("{parameter_key}:")
}
