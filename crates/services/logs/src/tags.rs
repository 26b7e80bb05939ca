//! Tags of log groups, for both of the APIs that CloudWatch Logs has for them.

use std::collections::BTreeMap;

use api_logs::errors;
use kit::tags::{self, TagError, Tags};
use wire::{Access, Error};

use crate::Logs;
use crate::group::Group;

pub(crate) fn tag_error(error: TagError) -> Error {
    match error {
        TagError::TooMany => errors::too_many_tags_exception(error.to_string()),
        _ => errors::invalid_parameter_exception(error.to_string()),
    }
}

/// Checked, in order of key.
pub(crate) fn from_map(map: Option<BTreeMap<String, String>>) -> Result<Tags, Error> {
    let tags: Tags = map.unwrap_or_default().into_iter().collect();
    tags::validate(&tags).map_err(tag_error)?;
    Ok(tags)
}

/// With the condition keys of the tags that a request brings.
pub(crate) fn with_tags(access: Access, tags: Option<&BTreeMap<String, String>>) -> Access {
    let tags = tags.into_iter().flatten();
    tags.fold(access, |access, (key, value)| {
        access
            .condition("aws:TagKeys", key)
            .condition(format!("aws:RequestTag/{key}"), value)
    })
}

impl Logs {
    pub(crate) async fn tag(
        &self,
        group: &Group,
        new: Option<BTreeMap<String, String>>,
    ) -> Result<(), Error> {
        let new = from_map(new)?;
        self.update_group(group, |record| {
            tags::merge(&mut record.tags, &new).map_err(tag_error)
        })
        .await
    }

    pub(crate) async fn untag(
        &self,
        group: &Group,
        keys: Option<Vec<String>>,
    ) -> Result<(), Error> {
        let keys = keys.unwrap_or_default();
        self.update_group(group, |record| {
            tags::remove(&mut record.tags, &keys);
            Ok(())
        })
        .await
    }

    pub(crate) fn tags_of(&self, group: &Group) -> Result<BTreeMap<String, String>, Error> {
        Ok(self.group_record(group)?.tags.into_iter().collect())
    }
}
