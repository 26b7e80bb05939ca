//! GetRepositoryPolicy.

use api_ecr::operations::GetRepositoryPolicy;
use api_ecr::types::{GetRepositoryPolicyRequest, GetRepositoryPolicyResponse};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::records::{RepositoryPolicyRecord, repository_key};
use crate::refusals::repository_policy_not_found;

impl Handle<GetRepositoryPolicy> for Ecr {
    fn access(&self, caller: &Caller, input: &GetRepositoryPolicyRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:GetRepositoryPolicy", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetRepositoryPolicyRequest,
    ) -> Result<GetRepositoryPolicyResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let key = repository_key(&scope, &name);
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let policy = head.get::<RepositoryPolicyRecord>(&key);
            let policy = policy.ok_or_else(|| repository_policy_not_found(&scope, &name))?;
            Ok(GetRepositoryPolicyResponse {
                registry_id: Some(scope.account.clone()),
                repository_name: Some(name.clone()),
                policy_text: Some(policy.text.clone()),
            })
        })
        .await
    }
}
