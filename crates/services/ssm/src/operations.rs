//! The operations, one file each, and what several of them need.

mod add_tags_to_resource;
mod delete_parameter;
mod delete_parameters;
mod describe_parameters;
mod get_parameter;
mod get_parameter_history;
mod get_parameters;
mod get_parameters_by_path;
mod label_parameter_version;
mod list_tags_for_resource;
mod put_parameter;
mod remove_tags_from_resource;
mod unlabel_parameter_version;

use std::sync::Arc;

use api_ssm::errors::{invalid_resource_id, invalid_resource_type, too_many_tags_error};
use api_ssm::types::{Parameter, ResourceTypeForTagging};
use kit::Page;
use kit::tags::TagError;
use names::Arn;
use state::Head;
use wire::{Caller, Error};

use crate::name::{candidates, check_characters};
use crate::records::{ParameterRecord, Version, parameter_key};
use crate::refusals::{bad_token, not_found, validation, version_not_found};
use crate::selector::{Selector, split};
use crate::{Ssm, render, versions};

/// A parameter's key and row.
struct Found {
    key: String,
    record: Arc<ParameterRecord>,
}

/// The parameter that a name or an ARN means.
fn find(head: &Head, caller: &Caller, name: &str) -> Result<Found, Error> {
    if !Arn::is_arn(name) {
        check_characters(name)?;
    }
    let names = candidates(caller, name).unwrap_or_default();
    let found = names.iter().find_map(|name| {
        let key = parameter_key(&caller.account, &caller.region, name);
        let record = head.get::<ParameterRecord>(&key)?;
        Some(Found { key, record })
    });
    found.ok_or_else(|| not_found(name))
}

/// As [`find`], of the form `name:selector`.
fn find_selected(
    head: &Head,
    caller: &Caller,
    text: &str,
) -> Result<(Found, Version, Selector), Error> {
    let (name, selector) = split(text);
    let found = find(head, caller, name)?;
    let version = versions::find(head, &found.key, &found.record, &selector);
    let version = version.ok_or_else(|| version_not_found(name, &selector.described()))?;
    Ok((found, version, selector))
}

impl Ssm {
    fn shown(
        &self,
        (found, version, selector): &(Found, Version, Selector),
        with_decryption: Option<bool>,
    ) -> Result<Parameter, Error> {
        let decrypt = with_decryption.unwrap_or(false);
        let value = render::value(&self.vault, &found.key, version, decrypt)?;
        Ok(render::parameter(&found.record, version, selector, value))
    }
}

fn page_of(max_results: Option<i32>, next_token: Option<&str>, most: usize) -> Result<Page, Error> {
    Page::new(max_results, next_token, most).map_err(|_| bad_token())
}

/// Only parameters have tags here.
fn tagged(
    head: &Head,
    caller: &Caller,
    kind: Option<&ResourceTypeForTagging>,
    id: Option<&str>,
) -> Result<Found, Error> {
    if kind != Some(&ResourceTypeForTagging::PARAMETER) {
        let kind = kind.map_or("null", |kind| kind.as_str());
        return Err(invalid_resource_type(format!(
            "{kind} is not a valid resource type. Valid resource types are: Parameter."
        )));
    }
    let id = id.unwrap_or_default();
    find(head, caller, id).map_err(|_| {
        invalid_resource_id(
            "The resource ID is not valid. Verify that you entered the correct ID and try again.",
        )
    })
}

fn tag_refused(error: &TagError) -> Error {
    match error {
        TagError::TooMany => too_many_tags_error(error.to_string()),
        _ => validation(error.to_string()),
    }
}
