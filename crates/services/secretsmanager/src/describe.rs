//! Secrets as answers.

use std::collections::BTreeMap;

use api_secretsmanager::types::{DescribeSecretResponse, SecretListEntry, Tag};
use clock::UnixMillis;
use wire::Timestamp;

use crate::records::SecretRecord;

pub(crate) fn describe(secret: &SecretRecord) -> DescribeSecretResponse {
    DescribeSecretResponse {
        arn: Some(secret.arn()),
        created_date: Some(timestamp(secret.created_at)),
        deleted_date: secret.deletion.map(|deletion| timestamp(deletion.at)),
        description: secret.description.clone(),
        kms_key_id: secret.kms_key_id.clone(),
        last_accessed_date: secret.accessed_at.map(timestamp),
        last_changed_date: Some(timestamp(secret.changed_at)),
        name: Some(secret.name.clone()),
        tags: Some(tags(secret)),
        version_ids_to_stages: Some(versions_to_stages(secret)),
        ..Default::default()
    }
}

pub(crate) fn list_entry(secret: &SecretRecord) -> SecretListEntry {
    SecretListEntry {
        arn: Some(secret.arn()),
        created_date: Some(timestamp(secret.created_at)),
        deleted_date: secret.deletion.map(|deletion| timestamp(deletion.asked_at)),
        description: secret.description.clone(),
        kms_key_id: secret.kms_key_id.clone(),
        last_accessed_date: secret.accessed_at.map(timestamp),
        last_changed_date: Some(timestamp(secret.changed_at)),
        name: Some(secret.name.clone()),
        tags: Some(tags(secret)),
        secret_versions_to_stages: Some(versions_to_stages(secret)),
        ..Default::default()
    }
}

pub(crate) fn timestamp(at: UnixMillis) -> Timestamp {
    Timestamp::from_millis(at.as_millis())
}

fn versions_to_stages(secret: &SecretRecord) -> BTreeMap<String, Vec<String>> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (stage, version) in &secret.stages {
        versions
            .entry(version.clone())
            .or_default()
            .push(stage.clone());
    }
    versions
}

fn tags(secret: &SecretRecord) -> Vec<Tag> {
    let tags = secret.tags.iter();
    let tags = tags.map(|(key, value)| Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    });
    tags.collect()
}
