//! CreateRepository.

use api_ecr::errors::{
    invalid_tag_parameter_exception, limit_exceeded_exception, too_many_tags_exception,
};
use api_ecr::operations::CreateRepository;
use api_ecr::types::{
    CreateRepositoryRequest, CreateRepositoryResponse, EncryptionType, ImageTagMutability, Tag,
};
use kit::answer::transact;
use kit::tags::{TagError, Tags};
use limits::REPOSITORIES_PER_REGISTRY;
use wire::{Access, Caller, Error, Handle};

use super::{registry_of, required};
use crate::access::{on_repository, scope_of};
use crate::records::{RepositoryRecord, repository_key};
use crate::refusals::{invalid_parameter, repository_exists, unsupported};
use crate::{Ecr, render};

const NAME_PATTERN: &str = "must satisfy regular expression \
    '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'";

impl Handle<CreateRepository> for Ecr {
    fn access(&self, caller: &Caller, input: &CreateRepositoryRequest) -> Access {
        let name = input.repository_name.as_deref();
        let tags = input.tags.iter().flatten();
        tags.fold(
            on_repository("ecr:CreateRepository", caller, name),
            |access, tag| access.condition("aws:TagKeys", tag.key.clone().unwrap_or_default()),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: CreateRepositoryRequest,
    ) -> Result<CreateRepositoryResponse, Error> {
        refuse_unsupported(&input)?;
        let scope = scope_of(caller);
        if registry_of(caller, input.registry_id.as_deref()) != scope {
            let constraint = "must be the registry of the caller";
            return Err(invalid_parameter("registryId", constraint));
        }
        let name = required(input.repository_name)?;
        if !names::is_repository_name(&name) {
            return Err(invalid_parameter("repositoryName", NAME_PATTERN));
        }
        let mutability = input.image_tag_mutability;
        let record = RepositoryRecord {
            account: scope.account.clone(),
            region: scope.region.clone(),
            name,
            created_at: self.clock.now(),
            immutable_tags: mutability == Some(ImageTagMutability::IMMUTABLE),
            tags: tags(input.tags.unwrap_or_default())?,
        };
        transact(&self.store, |tx| {
            if tx.contains::<RepositoryRecord>(&repository_key(&scope, &record.name)) {
                return Err(repository_exists(&scope, &record.name).into());
            }
            if tx.len::<RepositoryRecord>() >= REPOSITORIES_PER_REGISTRY {
                let message = format!(
                    "The registry with id '{}' already has the maximum allowed number of repositories \
                     '{REPOSITORIES_PER_REGISTRY}'",
                    scope.account
                );
                return Err(limit_exceeded_exception(message).into());
            }
            let repository = render::repository(&record);
            tx.insert(record)?;
            Ok(CreateRepositoryResponse {
                repository: Some(repository),
            })
        })
        .await
    }
}

// coverage: CreateRepository refuses imageScanningConfiguration.scanOnPush: images are not scanned
// coverage: CreateRepository refuses encryptionConfiguration other than AES256: Gantry has no KMS
// coverage: CreateRepository refuses imageTagMutabilityExclusionFilters: tags are mutable or not
// coverage: CreateRepository refuses imageScanningConfiguration.scanOnPush: only false is taken, images are not scanned yet
// coverage: CreateRepository refuses encryptionConfiguration.kmsKey: images are not encrypted with keys yet
// coverage: CreateRepository refuses imageTagMutabilityExclusionFilters: tags are mutable or not, all of them
fn refuse_unsupported(input: &CreateRepositoryRequest) -> Result<(), Error> {
    let scanning = input.image_scanning_configuration.as_ref();
    if scanning.and_then(|scanning| scanning.scan_on_push) == Some(true) {
        return Err(unsupported(
            "scanning of images (imageScanningConfiguration.scanOnPush)",
        ));
    }
    let encryption = input.encryption_configuration.as_ref();
    let kind = encryption.and_then(|encryption| encryption.encryption_type.as_ref());
    if kind.is_some_and(|kind| *kind != EncryptionType::AES256)
        || encryption.is_some_and(|encryption| encryption.kms_key.is_some())
    {
        return Err(unsupported(
            "encryption of images with KMS keys (encryptionConfiguration)",
        ));
    }
    let has_exclusions = input
        .image_tag_mutability_exclusion_filters
        .as_ref()
        .is_some_and(|filters| !filters.is_empty());
    let mutability = input.image_tag_mutability.as_ref();
    if has_exclusions
        || mutability.is_some_and(|mutability| mutability.as_str().ends_with("_WITH_EXCLUSION"))
    {
        return Err(unsupported(
            "exclusions from tag mutability (imageTagMutabilityExclusionFilters)",
        ));
    }
    Ok(())
}

fn tags(tags: Vec<Tag>) -> Result<Tags, Error> {
    let tags: Tags = tags
        .into_iter()
        .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
        .collect();
    kit::tags::validate(&tags).map_err(|error| match error {
        TagError::TooMany => too_many_tags_exception(error.to_string()),
        _ => invalid_tag_parameter_exception(error.to_string()),
    })?;
    Ok(tags)
}
