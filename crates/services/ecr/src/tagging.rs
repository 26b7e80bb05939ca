//! Tags of repositories: checked, and the ARNs that name what has them.

use api_ecr::errors::{invalid_tag_parameter_exception, too_many_tags_exception};
use api_ecr::types::Tag;
use kit::tags::{TagError, Tags};
use names::Arn;
use registry::Scope;
use wire::{Access, Caller, Error};

use crate::access::scope_of;
use crate::refusals::{invalid_parameter, repository_not_found};

pub(crate) fn tag_error(error: TagError) -> Error {
    match error {
        TagError::TooMany => too_many_tags_exception(error.to_string()),
        _ => invalid_tag_parameter_exception(error.to_string()),
    }
}

pub(crate) fn pairs(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter();
    tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
        .collect()
}

pub(crate) fn checked(tags: Option<Vec<Tag>>) -> Result<Tags, Error> {
    let tags = pairs(tags);
    kit::tags::validate(&tags).map_err(tag_error)?;
    Ok(tags)
}

pub(crate) fn shown(tags: &Tags) -> Vec<Tag> {
    let shown = tags.iter().map(|(key, value)| Tag {
        key: Some(key.clone()),
        value: Some(value.clone()),
    });
    shown.collect()
}

/// With the condition keys of the tags that a request brings.
pub(crate) fn with_tags(access: Access, tags: Option<&[Tag]>) -> Access {
    let tags = tags.unwrap_or_default().iter();
    tags.fold(access, |access, tag| {
        let key = tag.key.clone().unwrap_or_default();
        let name = format!("aws:RequestTag/{key}");
        access
            .condition("aws:TagKeys", key)
            .condition(name, tag.value.clone().unwrap_or_default())
    })
}

/// An action on what an ARN names.
pub(crate) fn on_arn(action: &'static str, arn: Option<&str>) -> Access {
    let access = Access::action(action);
    match arn {
        Some(arn) => access.resource(arn),
        None => access,
    }
}

/// The repository that an ARN names; it may not exist.
pub(crate) fn repository_of(caller: &Caller, arn: Option<&str>) -> Result<(Scope, String), Error> {
    let invalid = || invalid_parameter("resourceArn", "Invalid ARN");
    let arn = Arn::parse(arn.unwrap_or_default()).map_err(|_| invalid())?;
    let name = arn.resource_of("ecr", "repository").ok_or_else(invalid)?;
    let scope = Scope {
        account: arn.account.clone(),
        region: arn.region.clone(),
    };
    if scope != scope_of(caller) {
        return Err(repository_not_found(&scope, name));
    }
    Ok((scope, name.to_owned()))
}
