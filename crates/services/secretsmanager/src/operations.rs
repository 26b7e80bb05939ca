//! The operations, one file each, and what several of them need.

mod batch_get_secret_value;
mod create_secret;
mod delete_resource_policy;
mod delete_secret;
mod describe_secret;
mod get_random_password;
mod get_resource_policy;
mod get_secret_value;
mod list_secret_version_ids;
mod list_secrets;
mod put_resource_policy;
mod put_secret_value;
mod restore_secret;
mod tag_resource;
mod untag_resource;
mod update_secret;
mod update_secret_version_stage;
mod validate_resource_policy;

use std::sync::Arc;

use api_secretsmanager::errors::{
    invalid_parameter_exception, invalid_request_exception, public_policy_exception,
};
use api_secretsmanager::types::Tag;
use kit::Page;
use kit::tags::Tags;
use names::Arn;
use policy::{Policy, PolicyUse};
use state::Head;
use wire::{Access, Error};

use crate::records::{SecretRecord, SecretVersionRecord};
use crate::refusals::{bad_tags, bad_token, is_deleted, unsupported, value_not_found};
use crate::stages::CURRENT;
use crate::values;

const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

fn page_of(max_results: Option<i32>, next_token: Option<&str>, most: usize) -> Result<Page, Error> {
    Page::new(max_results, next_token, most).map_err(|_| bad_token())
}

fn tags_of(tags: Option<Vec<Tag>>) -> Result<Tags, Error> {
    let tags = tags.unwrap_or_default().into_iter();
    let tags: Tags = tags
        .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
        .collect();
    kit::tags::validate(&tags).map_err(|error| bad_tags(&error))?;
    Ok(tags)
}

fn with_tags(access: Access, tags: Option<&[Tag]>) -> Access {
    tags.unwrap_or_default().iter().fold(access, |access, tag| {
        let key = tag.key.clone().unwrap_or_default();
        access
            .condition(
                format!("aws:RequestTag/{key}"),
                tag.value.clone().unwrap_or_default(),
            )
            .condition("aws:TagKeys", key)
    })
}

/// The key that values are sealed with is the vault's own.
fn check_key(kms_key_id: Option<&str>) -> Result<(), Error> {
    match kms_key_id {
        None | Some("" | DEFAULT_KEY) => Ok(()),
        Some(arn) if Arn::is_arn(arn) && arn.ends_with(DEFAULT_KEY) => Ok(()),
        Some(_) => Err(unsupported(&format!(
            "KMS keys (KmsKeyId) other than {DEFAULT_KEY}"
        ))),
    }
}

/// The version that an id, a label or both name; the current one if neither does.
fn find_version(
    head: &Head,
    secret: &SecretRecord,
    version_id: Option<&str>,
    stage: Option<&str>,
) -> Result<Arc<SecretVersionRecord>, Error> {
    if secret.deletion.is_some() {
        return Err(is_deleted());
    }
    if let Some(version_id) = version_id {
        let version = values::find(head, secret, version_id);
        let version = version.ok_or_else(|| value_not_found("VersionId", version_id))?;
        let is_there = |stage| secret.stages.get(stage).map(String::as_str) == Some(version_id);
        if !stage.is_none_or(is_there) {
            return Err(invalid_request_exception(
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ));
        }
        return Ok(version);
    }
    let stage = stage.unwrap_or(CURRENT);
    let version = secret
        .stages
        .get(stage)
        .and_then(|version| values::find(head, secret, version));
    version.ok_or_else(|| value_not_found("staging label", stage))
}

/// There is one policy of a secret here, without a name.
// coverage: GetResourcePolicy refuses PolicyName: a secret has one resource policy here
// coverage: PutResourcePolicy refuses PolicyName: a secret has one resource policy here
// coverage: DeleteResourcePolicy refuses PolicyName: a secret has one resource policy here
fn check_policy_name(policy_name: Option<&str>) -> Result<(), Error> {
    match policy_name {
        None => Ok(()),
        Some(_) => Err(unsupported(
            "several resource policies of one secret (PolicyName)",
        )),
    }
}

/// What is wrong with a resource policy.
fn check_policy(text: &str) -> Result<(), String> {
    Policy::parse(text, PolicyUse::Resource)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Whether everybody is allowed something without a condition.
fn is_public(text: &str) -> bool {
    let document: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let statements = match &document["Statement"] {
        serde_json::Value::Array(statements) => statements.iter().collect(),
        one => vec![one],
    };
    let is_anybody = |principal: &serde_json::Value| match principal {
        serde_json::Value::String(text) => text == "*",
        serde_json::Value::Array(several) => several.iter().any(|one| one == "*"),
        _ => false,
    };
    statements.into_iter().any(|statement| {
        let principal = &statement["Principal"];
        statement["Effect"] == "Allow"
            && statement["Condition"].is_null()
            && (is_anybody(principal)
                || is_anybody(&principal["AWS"])
                || !statement["NotPrincipal"].is_null())
    })
}

fn refuse_public(text: &str) -> Result<(), Error> {
    match is_public(text) {
        false => Ok(()),
        true => Err(public_policy_exception(
            "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the \
             secret.",
        )),
    }
}

/// AWS's SDKs send a token with each request that makes a version.
fn version_id(token: Option<String>, clock: &clock::Clock) -> String {
    token.unwrap_or_else(|| clock.uuid())
}

fn no_value() -> Error {
    invalid_parameter_exception("You must provide either SecretString or SecretBinary.")
}
