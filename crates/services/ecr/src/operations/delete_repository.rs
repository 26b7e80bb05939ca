//! DeleteRepository.

use api_ecr::operations::DeleteRepository;
use api_ecr::types::{DeleteRepositoryRequest, DeleteRepositoryResponse};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::access::on_repository;
use crate::records::{ImageRecord, in_repository, repository_key};
use crate::refusals::repository_not_empty;
use crate::{Ecr, images, render};

impl Handle<DeleteRepository> for Ecr {
    fn access(&self, caller: &Caller, input: &DeleteRepositoryRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:DeleteRepository", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteRepositoryRequest,
    ) -> Result<DeleteRepositoryResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let key = repository_key(&scope, &name);
        let repository = look(&self.store, |head| {
            let repository = find_repository(head, &scope, &name)?;
            let mut images = head.scan::<ImageRecord>(&in_repository(&key, ""));
            if input.force != Some(true) && images.next().is_some() {
                return Err(repository_not_empty(&scope, &name));
            }
            Ok(render::repository(&repository))
        })
        .await?;
        images::delete_repository(&self.store, &key).await?;
        Ok(DeleteRepositoryResponse {
            repository: Some(repository),
        })
    }
}
