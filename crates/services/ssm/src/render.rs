//! Records as answers.

use api_ssm::types::{
    Parameter, ParameterHistory, ParameterMetadata, ParameterTier, ParameterType, Tag,
};
use vault::Vault;
use wire::{Error, Timestamp};

use crate::name::arn;
use crate::records::{ParameterRecord, Value, Version, purpose};
use crate::refusals::vault_failed;
use crate::selector::Selector;

/// The value as an answer shows it: of a SecureString that is not to be decrypted, its ciphertext.
pub(crate) fn value(
    vault: &Vault,
    key: &str,
    version: &Version,
    decrypt: bool,
) -> Result<String, Error> {
    match &version.value {
        Value::Plain(text) => Ok(text.clone()),
        Value::Sealed(sealed) if decrypt => {
            let opened = vault.open_sealed(purpose(key, &version.value_id), sealed);
            let opened = opened.map_err(|error| vault_failed(&error))?;
            opened
                .to_text()
                .ok_or_else(|| Error::internal("a SecureString is not text"))
        }
        Value::Sealed(sealed) => Ok(sealed.to_base64()),
    }
}

pub(crate) fn parameter(
    record: &ParameterRecord,
    version: &Version,
    selector: &Selector,
    value: String,
) -> Parameter {
    Parameter {
        arn: Some(arn(&record.account, &record.region, &record.name)),
        data_type: Some(version.data_type.clone()),
        last_modified_date: Some(timestamp(version)),
        name: Some(record.name.clone()),
        selector: selector.shown(),
        source_result: None,
        r#type: Some(ParameterType::from(version.kind.as_str())),
        value: Some(value),
        version: Some(version.number),
    }
}

pub(crate) fn metadata(record: &ParameterRecord) -> ParameterMetadata {
    let version = &record.latest;
    ParameterMetadata {
        arn: Some(arn(&record.account, &record.region, &record.name)),
        allowed_pattern: version.allowed_pattern.clone(),
        data_type: Some(version.data_type.clone()),
        description: version.description.clone(),
        key_id: version.key_id.clone(),
        last_modified_date: Some(timestamp(version)),
        last_modified_user: Some(version.modified_by.clone()),
        name: Some(record.name.clone()),
        policies: Some(Vec::new()),
        tier: Some(ParameterTier::from(version.tier.as_str())),
        r#type: Some(ParameterType::from(version.kind.as_str())),
        version: Some(version.number),
    }
}

pub(crate) fn history(name: &str, version: &Version, value: String) -> ParameterHistory {
    ParameterHistory {
        allowed_pattern: version.allowed_pattern.clone(),
        data_type: Some(version.data_type.clone()),
        description: version.description.clone(),
        key_id: version.key_id.clone(),
        labels: Some(version.labels.clone()),
        last_modified_date: Some(timestamp(version)),
        last_modified_user: Some(version.modified_by.clone()),
        name: Some(name.to_owned()),
        policies: Some(Vec::new()),
        tier: Some(ParameterTier::from(version.tier.as_str())),
        r#type: Some(ParameterType::from(version.kind.as_str())),
        value: Some(value),
        version: Some(version.number),
    }
}

pub(crate) fn tags(record: &ParameterRecord) -> Vec<Tag> {
    let tags = record.tags.iter();
    let tags = tags.map(|(key, value)| Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    });
    tags.collect()
}

fn timestamp(version: &Version) -> Timestamp {
    Timestamp::from_millis(version.modified_at.as_millis())
}
