//! Tags between their two forms.

use api_ecs::{errors, types::Tag};
use wire::Error;

use crate::records::Tags;

pub(crate) fn render(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag {
            key: Some(key.clone()),
            value: Some(value.clone()),
        })
        .collect()
}

/// What a request brought, checked.
pub(crate) fn parse(tags: Option<Vec<Tag>>) -> Result<Tags, Error> {
    let tags = unchecked(tags);
    kit::tags::validate(&tags).map_err(refuse)?;
    Ok(tags)
}

/// Tags of a TagResource call, to be merged: `kit::tags::merge` checks them.
pub(crate) fn unchecked(tags: Option<Vec<Tag>>) -> Tags {
    let pair = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    tags.unwrap_or_default().into_iter().map(pair).collect()
}

pub(crate) fn refuse(error: kit::tags::TagError) -> Error {
    errors::invalid_parameter_exception(error.to_string())
}
