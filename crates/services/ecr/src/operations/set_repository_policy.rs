//! SetRepositoryPolicy.

use api_ecr::operations::SetRepositoryPolicy;
use api_ecr::types::{SetRepositoryPolicyRequest, SetRepositoryPolicyResponse};
use policy::{Policy, PolicyUse};
use wire::{Access, Caller, Error, Handle};

use super::{registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::records::{RepositoryPolicyRecord, repository_key};
use crate::refusals::invalid_parameter;

// coverage: SetRepositoryPolicy ignores force: no policy is refused for locking its author out
impl Handle<SetRepositoryPolicy> for Ecr {
    fn access(&self, caller: &Caller, input: &SetRepositoryPolicyRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:SetRepositoryPolicy", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: SetRepositoryPolicyRequest,
    ) -> Result<SetRepositoryPolicyResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let text = input.policy_text.unwrap_or_default();
        Policy::parse(&text, PolicyUse::Resource).map_err(|error| {
            tracing::debug!(%error, "repository policy refused");
            invalid_parameter("PolicyText", "Invalid repository policy provided")
        })?;
        self.change_repository(&scope, &name, |tx, record| {
            tx.put(RepositoryPolicyRecord {
                repository: repository_key(&scope, &record.name),
                text: text.clone(),
            });
            Ok(SetRepositoryPolicyResponse {
                registry_id: Some(record.account.clone()),
                repository_name: Some(record.name.clone()),
                policy_text: Some(text),
            })
        })
        .await
    }
}
