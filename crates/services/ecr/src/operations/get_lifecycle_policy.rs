//! GetLifecyclePolicy.

use api_ecr::operations::GetLifecyclePolicy;
use api_ecr::types::{GetLifecyclePolicyRequest, GetLifecyclePolicyResponse};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::access::on_repository;
use crate::records::{LifecyclePolicyRecord, repository_key};
use crate::refusals::lifecycle_policy_not_found;
use crate::{Ecr, render};

impl Handle<GetLifecyclePolicy> for Ecr {
    fn access(&self, caller: &Caller, input: &GetLifecyclePolicyRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:GetLifecyclePolicy", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetLifecyclePolicyRequest,
    ) -> Result<GetLifecyclePolicyResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let key = repository_key(&scope, &name);
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let policy = head.get::<LifecyclePolicyRecord>(&key);
            let policy = policy.ok_or_else(|| lifecycle_policy_not_found(&scope, &name))?;
            Ok(GetLifecyclePolicyResponse {
                registry_id: Some(scope.account.clone()),
                repository_name: Some(name.clone()),
                lifecycle_policy_text: Some(policy.text.clone()),
                last_evaluated_at: policy.evaluated_at.and_then(render::timestamp),
            })
        })
        .await
    }
}
