//! AddTagsToResource.

use api_ssm::operations::AddTagsToResource;
use api_ssm::types::{AddTagsToResourceRequest, AddTagsToResourceResult};
use kit::answer::transact;
use kit::tags::{Tags, merge};
use state::Record;
use wire::{Access, Caller, Error, Handle};

use super::{tag_refused, tagged};
use crate::Ssm;
use crate::name::arn_of;
use crate::records::ParameterRecord;

impl Handle<AddTagsToResource> for Ssm {
    fn access(&self, caller: &Caller, input: &AddTagsToResourceRequest) -> Access {
        let access = Access::action("ssm:AddTagsToResource")
            .resource(arn_of(caller, input.resource_id.as_deref()));
        input.tags.iter().flatten().fold(access, |access, tag| {
            let key = tag.key.clone().unwrap_or_default();
            access
                .condition(
                    format!("aws:RequestTag/{key}"),
                    tag.value.clone().unwrap_or_default(),
                )
                .condition("aws:TagKeys", key)
        })
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: AddTagsToResourceRequest,
    ) -> Result<AddTagsToResourceResult, Error> {
        let tags = input.tags.unwrap_or_default().into_iter();
        let tags: Tags = tags
            .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
            .collect();
        transact(&self.store, |tx| {
            let found = tagged(
                tx,
                caller,
                input.resource_type.as_ref(),
                input.resource_id.as_deref(),
            )?;
            let mut record = ParameterRecord::clone(&found.record);
            merge(&mut record.tags, &tags).map_err(|error| tag_refused(&error))?;
            debug_assert_eq!(record.key(), found.key);
            tx.put(record);
            Ok(AddTagsToResourceResult::default())
        })
        .await
    }
}
