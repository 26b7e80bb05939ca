//! DeleteRepositoryPolicy.

use api_ecr::operations::DeleteRepositoryPolicy;
use api_ecr::types::{DeleteRepositoryPolicyRequest, DeleteRepositoryPolicyResponse};
use kit::answer::transact;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::records::{RepositoryPolicyRecord, repository_key};
use crate::refusals::repository_policy_not_found;

impl Handle<DeleteRepositoryPolicy> for Ecr {
    fn access(&self, caller: &Caller, input: &DeleteRepositoryPolicyRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:DeleteRepositoryPolicy", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteRepositoryPolicyRequest,
    ) -> Result<DeleteRepositoryPolicyResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let key = repository_key(&scope, &name);
        transact(&self.store, |tx| {
            find_repository(tx, &scope, &name)?;
            let policy = tx.get::<RepositoryPolicyRecord>(&key);
            let policy = policy.ok_or_else(|| repository_policy_not_found(&scope, &name))?;
            tx.delete::<RepositoryPolicyRecord>(&key);
            Ok(DeleteRepositoryPolicyResponse {
                registry_id: Some(scope.account.clone()),
                repository_name: Some(name.clone()),
                policy_text: Some(policy.text.clone()),
            })
        })
        .await
    }
}
