//! GetRegistryPolicy.

use api_ecr::operations::GetRegistryPolicy;
use api_ecr::types::{GetRegistryPolicyRequest, GetRegistryPolicyResponse};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use crate::Ecr;
use crate::access::scope_of;
use crate::records::RegistryPolicyRecord;
use crate::refusals::registry_policy_not_found;

impl Handle<GetRegistryPolicy> for Ecr {
    fn access(&self, _: &Caller, _: &GetRegistryPolicyRequest) -> Access {
        Access::action("ecr:GetRegistryPolicy")
    }

    async fn handle(
        &self,
        caller: &Caller,
        _: GetRegistryPolicyRequest,
    ) -> Result<GetRegistryPolicyResponse, Error> {
        let scope = scope_of(caller);
        let key = format!("{}/{}", scope.account, scope.region);
        look(&self.store, |head| {
            let policy = head.get::<RegistryPolicyRecord>(&key);
            let policy = policy.ok_or_else(|| registry_policy_not_found(&scope))?;
            Ok(GetRegistryPolicyResponse {
                registry_id: Some(scope.account.clone()),
                policy_text: Some(policy.text.clone()),
            })
        })
        .await
    }
}
