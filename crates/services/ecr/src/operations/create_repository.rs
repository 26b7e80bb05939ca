//! CreateRepository.

use api_ecr::errors::limit_exceeded_exception;
use api_ecr::operations::CreateRepository;
use api_ecr::types::{CreateRepositoryRequest, CreateRepositoryResponse, EncryptionType};
use kit::answer::transact;
use limits::REPOSITORIES_PER_REGISTRY;
use wire::{Access, Caller, Error, Handle};

use super::{refuse_scanning, registry_of, required};
use crate::access::{on_repository, scope_of};
use crate::records::{RepositoryRecord, repository_key};
use crate::refusals::{invalid_parameter, repository_exists, unsupported};
use crate::{Ecr, mutability, render, tagging};

const NAME_PATTERN: &str = "must satisfy regular expression \
    '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'";

impl Handle<CreateRepository> for Ecr {
    fn access(&self, caller: &Caller, input: &CreateRepositoryRequest) -> Access {
        let name = input.repository_name.as_deref();
        let access = on_repository("ecr:CreateRepository", caller, name);
        tagging::with_tags(access, input.tags.as_deref())
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
        let (immutable_tags, tag_exclusions) = mutability::checked(
            input.image_tag_mutability.as_ref(),
            input.image_tag_mutability_exclusion_filters.as_deref(),
        )?;
        let record = RepositoryRecord {
            account: scope.account.clone(),
            region: scope.region.clone(),
            name,
            created_at: self.clock.now(),
            immutable_tags,
            tag_exclusions,
            tags: tagging::checked(input.tags)?,
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

// coverage: CreateRepository refuses imageScanningConfiguration.scanOnPush: only false is taken, images are not scanned yet
// coverage: CreateRepository refuses encryptionConfiguration.kmsKey: images are not encrypted with keys yet
fn refuse_unsupported(input: &CreateRepositoryRequest) -> Result<(), Error> {
    refuse_scanning(input.image_scanning_configuration.as_ref())?;
    let encryption = input.encryption_configuration.as_ref();
    let kind = encryption.and_then(|encryption| encryption.encryption_type.as_ref());
    if kind.is_some_and(|kind| *kind != EncryptionType::AES256)
        || encryption.is_some_and(|encryption| encryption.kms_key.is_some())
    {
        return Err(unsupported(
            "encryption of images with KMS keys (encryptionConfiguration)",
        ));
    }
    Ok(())
}
