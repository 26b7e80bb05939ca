//! RemoveTagsFromResource.

use api_ssm::operations::RemoveTagsFromResource;
use api_ssm::types::{RemoveTagsFromResourceRequest, RemoveTagsFromResourceResult};
use kit::answer::transact;
use kit::tags;
use wire::{Access, Caller, Error, Handle};

use super::tagged;
use crate::Ssm;
use crate::name::arn_of;
use crate::records::ParameterRecord;

impl Handle<RemoveTagsFromResource> for Ssm {
    fn access(&self, caller: &Caller, input: &RemoveTagsFromResourceRequest) -> Access {
        let access = Access::action("ssm:RemoveTagsFromResource")
            .resource(arn_of(caller, input.resource_id.as_deref()));
        let keys = input.tag_keys.iter().flatten();
        keys.fold(access, |access, key| {
            access.condition("aws:TagKeys", key.clone())
        })
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: RemoveTagsFromResourceRequest,
    ) -> Result<RemoveTagsFromResourceResult, Error> {
        let keys = input.tag_keys.unwrap_or_default();
        transact(&self.store, |tx| {
            let found = tagged(
                tx,
                caller,
                input.resource_type.as_ref(),
                input.resource_id.as_deref(),
            )?;
            tx.update::<ParameterRecord>(&found.key, |record| {
                tags::remove(&mut record.tags, &keys)
            });
            Ok(RemoveTagsFromResourceResult::default())
        })
        .await
    }
}
