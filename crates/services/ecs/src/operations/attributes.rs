//! Attributes that users put on container instances. The agent's own are not theirs to change.

use std::sync::Arc;

use api_ecs::{errors, types};
use limits::{ATTRIBUTE_CHARACTERS, ATTRIBUTES_PER_REQUEST};
use names::Arn;
use state::Head;
use wire::{Access, Caller, Error};

use super::container_instances::{self, arn_of};
use crate::{
    access::{cluster_of, scope_of},
    records::{Attribute, ContainerInstanceRecord, ContainerInstanceStatus},
};

/// Beginnings of names that agents and the server give.
const RESERVED: [&str; 3] = ["ecs.", "com.amazonaws.ecs.", "gantry."];

pub(super) fn access(
    action: &'static str,
    caller: &Caller,
    cluster: Option<&str>,
    attributes: &Option<Vec<types::Attribute>>,
) -> Access {
    let cluster = cluster_of(cluster);
    let targets = attributes.iter().flatten().filter_map(|attribute| {
        let target = attribute.target_id.as_deref()?;
        Some(arn_of(caller, &cluster, target))
    });
    Access::action(action)
        .resources(targets)
        .condition("ecs:cluster", scope_of(caller).cluster(&cluster))
}

/// The attributes of a request, which are some and not too many.
pub(super) fn of_request(
    attributes: Option<Vec<types::Attribute>>,
) -> Result<Vec<types::Attribute>, Error> {
    let attributes = attributes.unwrap_or_default();
    if attributes.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "Attributes cannot be empty.",
        ));
    }
    if attributes.len() > ATTRIBUTES_PER_REQUEST {
        return Err(errors::invalid_parameter_exception(format!(
            "Attributes cannot have more than {ATTRIBUTES_PER_REQUEST} elements."
        )));
    }
    Ok(attributes)
}

/// The container instance that an attribute is for.
pub(super) fn target(
    head: &Head,
    caller: &Caller,
    cluster: &str,
    attribute: &types::Attribute,
) -> Result<Arc<ContainerInstanceRecord>, Error> {
    let target_id = attribute.target_id.as_deref().unwrap_or_default();
    if target_id.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "The target id of an attribute cannot be empty.",
        ));
    }
    // An id alone needs the type beside it, an ARN says it itself.
    match attribute
        .target_type
        .as_ref()
        .map(types::TargetType::as_str)
    {
        Some("container-instance") => {}
        None if Arn::is_arn(target_id) => {}
        None => {
            return Err(errors::invalid_parameter_exception(
                "The target type of an attribute must be given with a short target id.",
            ));
        }
        Some(other) => {
            return Err(errors::invalid_parameter_exception(format!(
                "Invalid target type: '{other}'."
            )));
        }
    }
    container_instances::find(head, caller, cluster, target_id)
        .filter(|record| record.status != ContainerInstanceStatus::Inactive)
        .ok_or_else(|| {
            errors::target_not_found_exception(format!("The target {target_id} was not found."))
        })
}

/// The record's form of what PutAttributes was given.
pub(super) fn parse(attribute: &types::Attribute) -> Result<Attribute, Error> {
    let name = checked_name(attribute.name.as_deref().unwrap_or_default())?;
    let value = attribute.value.clone().filter(|value| !value.is_empty());
    let is_value = |text: &String| {
        text.chars().count() <= ATTRIBUTE_CHARACTERS
            && text == text.trim()
            && text
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || "-_./@:\\ ".contains(it))
    };
    if let Some(value) = &value
        && !is_value(value)
    {
        return Err(errors::invalid_parameter_exception(format!(
            "Invalid attribute value: '{value}'."
        )));
    }
    Ok(Attribute {
        name: name.to_owned(),
        value,
    })
}

pub(super) fn checked_name(name: &str) -> Result<&str, Error> {
    let is_name = !name.is_empty()
        && name.chars().count() <= ATTRIBUTE_CHARACTERS
        && name
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || "-_./\\".contains(it));
    if !is_name {
        return Err(errors::invalid_parameter_exception(format!(
            "Invalid attribute name: '{name}'."
        )));
    }
    if RESERVED.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(errors::invalid_parameter_exception(format!(
            "The attribute name '{name}' is reserved."
        )));
    }
    Ok(name)
}

pub(super) fn render(record: &ContainerInstanceRecord, attribute: &Attribute) -> types::Attribute {
    types::Attribute {
        name: Some(attribute.name.clone()),
        value: attribute.value.clone(),
        target_id: Some(record.arn()),
        target_type: Some(types::TargetType::CONTAINER_INSTANCE),
    }
}
