//! PutImageTagMutability.

use api_ecr::operations::PutImageTagMutability;
use api_ecr::types::{PutImageTagMutabilityRequest, PutImageTagMutabilityResponse};
use wire::{Access, Caller, Error, Handle};

use super::{registry_of, required};
use crate::access::on_repository;
use crate::{Ecr, mutability};

impl Handle<PutImageTagMutability> for Ecr {
    fn access(&self, caller: &Caller, input: &PutImageTagMutabilityRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:PutImageTagMutability", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutImageTagMutabilityRequest,
    ) -> Result<PutImageTagMutabilityResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let (immutable_tags, tag_exclusions) = mutability::checked(
            input.image_tag_mutability.as_ref(),
            input.image_tag_mutability_exclusion_filters.as_deref(),
        )?;
        self.change_repository(&scope, &name, |_, record| {
            record.immutable_tags = immutable_tags;
            record.tag_exclusions = tag_exclusions;
            Ok(PutImageTagMutabilityResponse {
                registry_id: Some(record.account.clone()),
                repository_name: Some(record.name.clone()),
                image_tag_mutability: Some(mutability::shown(record)),
                image_tag_mutability_exclusion_filters: mutability::shown_filters(record),
            })
        })
        .await
    }
}
