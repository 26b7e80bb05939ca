//! DeleteLifecyclePolicy.

use api_ecr::operations::DeleteLifecyclePolicy;
use api_ecr::types::{DeleteLifecyclePolicyRequest, DeleteLifecyclePolicyResponse};
use kit::answer::transact;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::access::on_repository;
use crate::records::{LifecyclePolicyRecord, repository_key};
use crate::refusals::lifecycle_policy_not_found;
use crate::{Ecr, render};

impl Handle<DeleteLifecyclePolicy> for Ecr {
    fn access(&self, caller: &Caller, input: &DeleteLifecyclePolicyRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:DeleteLifecyclePolicy", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteLifecyclePolicyRequest,
    ) -> Result<DeleteLifecyclePolicyResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let key = repository_key(&scope, &name);
        transact(&self.store, |tx| {
            find_repository(tx, &scope, &name)?;
            let policy = tx.get::<LifecyclePolicyRecord>(&key);
            let policy = policy.ok_or_else(|| lifecycle_policy_not_found(&scope, &name))?;
            tx.delete::<LifecyclePolicyRecord>(&key);
            Ok(DeleteLifecyclePolicyResponse {
                registry_id: Some(scope.account.clone()),
                repository_name: Some(name.clone()),
                lifecycle_policy_text: Some(policy.text.clone()),
                last_evaluated_at: policy.evaluated_at.and_then(render::timestamp),
            })
        })
        .await
    }
}
