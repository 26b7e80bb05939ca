//! PutParameter.

use api_ssm::errors::{
    hierarchy_type_mismatch_exception, invalid_allowed_pattern_exception, parameter_already_exists,
    parameter_limit_exceeded, parameter_max_version_limit_exceeded,
    parameter_pattern_mismatch_exception,
};
use api_ssm::operations::PutParameter;
use api_ssm::types::{ParameterTier, PutParameterRequest, PutParameterResult};
use kit::answer::transact;
use kit::tags::Tags;
use limits::{
    PARAMETER_ADVANCED_BYTES, PARAMETER_PATTERN_PROGRAM_BYTES, PARAMETER_STANDARD_BYTES,
    PARAMETER_VERSIONS, PARAMETERS_ADVANCED, PARAMETERS_STANDARD,
};
use regex::RegexBuilder;
use state::{Record, Tx};
use wire::{Access, Caller, Error, Handle};

use super::tag_refused;
use crate::name::{arn_of, check_new};
use crate::records::{
    ParameterRecord, ParameterVersionRecord, Value, Version, parameter_key, purpose, tier_key,
};
use crate::refusals::{unsupported, validation, vault_failed};
use crate::{Ssm, versions};

const SECURE: &str = "SecureString";
const DEFAULT_KEY: &str = "alias/aws/ssm";
const STANDARD: &str = "Standard";
const ADVANCED: &str = "Advanced";

impl Handle<PutParameter> for Ssm {
    fn access(&self, caller: &Caller, input: &PutParameterRequest) -> Access {
        let arn = arn_of(caller, input.name.as_deref());
        let overwrite = input.overwrite.unwrap_or(false).to_string();
        let mut access = Access::action("ssm:PutParameter")
            .resource(arn.clone())
            .condition("ssm:Overwrite", overwrite);
        let tags = input.tags.as_deref().unwrap_or_default();
        for tag in tags {
            let key = tag.key.clone().unwrap_or_default();
            access = access
                .condition(
                    format!("aws:RequestTag/{key}"),
                    tag.value.clone().unwrap_or_default(),
                )
                .condition("aws:TagKeys", key);
        }
        match tags.is_empty() {
            true => access,
            false => access.also("ssm:AddTagsToResource").resource(arn),
        }
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutParameterRequest,
    ) -> Result<PutParameterResult, Error> {
        let tags = check(&input)?;
        let name = input.name.clone().unwrap_or_default();
        let key = parameter_key(&caller.account, &caller.region, &name);
        let present = self
            .store
            .read(|head| head.get::<ParameterRecord>(&key))
            .head();
        let kind = match (&input.r#type, &present) {
            (Some(kind), _) => kind.as_str().to_owned(),
            (None, Some(present)) => present.latest.kind.clone(),
            (None, None) => {
                return Err(validation(
                    "A parameter type is required when you create a parameter.",
                ));
            }
        };
        let text = input.value.clone().unwrap_or_default();
        let pattern = input
            .allowed_pattern
            .clone()
            .filter(|pattern| !pattern.is_empty());
        check_value(&kind, &text, pattern.as_deref(), input.key_id.as_deref())?;
        let value_id = self.clock.uuid();
        let value = match kind == SECURE {
            false => Value::Plain(text.clone()),
            true => {
                let sealed = self
                    .vault
                    .seal(purpose(&key, &value_id), text.as_bytes())
                    .await;
                Value::Sealed(sealed.map_err(|error| vault_failed(&error))?)
            }
        };
        let version = Version {
            number: 1,
            value_id,
            value,
            key_id: (kind == SECURE).then(|| {
                input
                    .key_id
                    .clone()
                    .unwrap_or_else(|| DEFAULT_KEY.to_owned())
            }),
            tier: tier(input.tier.as_ref(), text.len())?,
            kind,
            data_type: input.data_type.clone().unwrap_or_else(|| "text".to_owned()),
            description: input
                .description
                .clone()
                .filter(|description| !description.is_empty()),
            allowed_pattern: pattern,
            modified_at: self.clock.now(),
            modified_by: caller.arn(),
            labels: Vec::new(),
        };
        let overwrites = input.overwrite.unwrap_or(false);
        let has_tier = input.tier.is_some();
        transact(&self.store, |tx| {
            let written = match tx.get::<ParameterRecord>(&key) {
                None => create(tx, caller, &name, version, tags)?,
                Some(_) if !overwrites => return Err(already_exists().into()),
                Some(present) => overwrite(tx, &present, version, &text, has_tier)?,
            };
            Ok(PutParameterResult {
                tier: Some(ParameterTier::from(written.tier.as_str())),
                version: Some(written.number),
            })
        })
        .await
    }
}

fn already_exists() -> Error {
    parameter_already_exists(
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    )
}

fn create(
    tx: &mut Tx<'_>,
    caller: &Caller,
    name: &str,
    version: Version,
    tags: Tags,
) -> Result<Version, Error> {
    let (account, region) = (&caller.account, &caller.region);
    let most = if version.tier == ADVANCED {
        PARAMETERS_ADVANCED
    } else {
        PARAMETERS_STANDARD
    };
    let of_tier = tier_key(account, region, &version.tier);
    if tx.index_len::<ParameterRecord>(ParameterRecord::BY_TIER, &of_tier) >= most {
        return Err(parameter_limit_exceeded(
            "You have exceeded the number of parameters for this Amazon Web Services account. Delete one or more \
             parameters and try again.",
        ));
    }
    tx.put(ParameterRecord {
        account: account.clone(),
        region: region.clone(),
        name: name.to_owned(),
        latest: version.clone(),
        tags,
    });
    Ok(version)
}

fn overwrite(
    tx: &mut Tx<'_>,
    present: &ParameterRecord,
    mut version: Version,
    text: &str,
    has_tier: bool,
) -> Result<Version, Error> {
    let (before, key) = (&present.latest, &present.key());
    if before.kind != version.kind {
        return Err(hierarchy_type_mismatch_exception(format!(
            "Parameter Store doesn't support changing a parameter type in a hierarchy. For example, you can't change a \
             parameter from a {} type to a {} type. You must create a new, unique parameter.",
            before.kind, version.kind
        )));
    }
    if before.tier == ADVANCED && version.tier == STANDARD {
        if has_tier {
            return Err(validation(
                "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                 advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced \
                 parameter and recreate it as a standard parameter.",
            ));
        }
        version.tier = ADVANCED.to_owned();
    }
    version.number = before.number + 1;
    version.description = version.description.or_else(|| before.description.clone());
    version.allowed_pattern = version
        .allowed_pattern
        .or_else(|| before.allowed_pattern.clone());
    if let Some(pattern) = &version.allowed_pattern {
        check_pattern(text, pattern)?;
    }
    let older = versions::oldest(tx, key);
    let kept = older
        .as_ref()
        .map_or(1, |oldest| before.number - oldest.version.number + 1);
    if let Some(oldest) = older.filter(|_| kept >= PARAMETER_VERSIONS) {
        if !oldest.version.labels.is_empty() {
            return Err(parameter_max_version_limit_exceeded(format!(
                "You attempted to create a new version of {} by calling the PutParameter API with the overwrite flag. \
                 Version {}, the oldest version, can't be deleted because it has a label associated with it. Move the \
                 label to another version of the parameter, and try again.",
                present.name, oldest.version.number
            )));
        }
        tx.delete::<ParameterVersionRecord>(&oldest.key());
    }
    tx.put(ParameterVersionRecord {
        parameter: key.clone(),
        version: before.clone(),
    });
    tx.update::<ParameterRecord>(key, |parameter| parameter.latest = version.clone());
    Ok(version)
}

// coverage: PutParameter refuses Policies: parameters have no policies here: no expiration and no notifications
// coverage: PutParameter refuses DataType: other than `text`
// coverage: PutParameter refuses KeyId: other than alias/aws/ssm: Gantry has no KMS
fn check(input: &PutParameterRequest) -> Result<Tags, Error> {
    check_new(input.name.as_deref().unwrap_or_default())?;
    if input
        .policies
        .as_deref()
        .is_some_and(|policies| !policies.is_empty() && policies != "[]")
    {
        return Err(unsupported("parameter policies (Policies)"));
    }
    match input.data_type.as_deref() {
        None | Some("text") => {}
        Some(known @ ("aws:ec2:image" | "aws:ssm:integration")) => {
            return Err(unsupported(&format!(
                "parameters of data type {known} (DataType)"
            )));
        }
        Some(other) => {
            return Err(validation(format!(
                "The following data type is not supported: {other} (Data type names are all lowercase.)"
            )));
        }
    }
    let tags = input.tags.iter().flatten();
    let tags: Tags = tags
        .map(|tag| {
            (
                tag.key.clone().unwrap_or_default(),
                tag.value.clone().unwrap_or_default(),
            )
        })
        .collect();
    if input.overwrite == Some(true) && !tags.is_empty() {
        return Err(validation(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
             overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    kit::tags::validate(&tags).map_err(|error| tag_refused(&error))?;
    Ok(tags)
}

fn check_value(
    kind: &str,
    text: &str,
    pattern: Option<&str>,
    key_id: Option<&str>,
) -> Result<(), Error> {
    if text.is_empty() {
        return Err(validation(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length \
             greater than or equal to 1.",
        ));
    }
    match key_id {
        Some(_) if kind != SECURE => {
            return Err(validation(
                "KeyId is required for SecureString type parameter only.",
            ));
        }
        Some(other) if other != DEFAULT_KEY => {
            return Err(unsupported(&format!(
                "KMS keys (KeyId) other than {DEFAULT_KEY}"
            )));
        }
        _ => {}
    }
    pattern.map_or(Ok(()), |pattern| check_pattern(text, pattern))
}

fn check_pattern(text: &str, pattern: &str) -> Result<(), Error> {
    let compiled = RegexBuilder::new(pattern)
        .size_limit(PARAMETER_PATTERN_PROGRAM_BYTES)
        .build();
    let compiled = compiled.map_err(|_| {
        invalid_allowed_pattern_exception(
            "The request does not meet the regular expression requirement.",
        )
    })?;
    if compiled.is_match(text) {
        return Ok(());
    }
    Err(parameter_pattern_mismatch_exception(format!(
        "Parameter value, cannot be validated against allowedPattern: {pattern}"
    )))
}

/// The tier that a value of this length gets.
fn tier(asked: Option<&ParameterTier>, bytes: usize) -> Result<String, Error> {
    let asked = asked.map_or(STANDARD, ParameterTier::as_str);
    let fits = bytes <= PARAMETER_STANDARD_BYTES;
    if bytes > PARAMETER_ADVANCED_BYTES && asked != STANDARD {
        return Err(validation(format!(
            "Advanced tier parameters support a maximum parameter value of {PARAMETER_ADVANCED_BYTES} characters."
        )));
    }
    match asked {
        STANDARD if !fits => Err(validation(format!(
            "Standard tier parameters support a maximum parameter value of {PARAMETER_STANDARD_BYTES} characters. To \
             create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more \
             information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
        ))),
        ADVANCED => Ok(ADVANCED.to_owned()),
        _ => Ok(if fits { STANDARD } else { ADVANCED }.to_owned()),
    }
}
