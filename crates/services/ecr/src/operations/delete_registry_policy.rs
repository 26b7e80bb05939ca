//! DeleteRegistryPolicy.

use api_ecr::operations::DeleteRegistryPolicy;
use api_ecr::types::{DeleteRegistryPolicyRequest, DeleteRegistryPolicyResponse};
use kit::answer::transact;
use wire::{Access, Caller, Error, Handle};

use crate::Ecr;
use crate::access::scope_of;
use crate::records::RegistryPolicyRecord;
use crate::refusals::registry_policy_not_found;

impl Handle<DeleteRegistryPolicy> for Ecr {
    fn access(&self, _: &Caller, _: &DeleteRegistryPolicyRequest) -> Access {
        Access::action("ecr:DeleteRegistryPolicy")
    }

    async fn handle(
        &self,
        caller: &Caller,
        _: DeleteRegistryPolicyRequest,
    ) -> Result<DeleteRegistryPolicyResponse, Error> {
        let scope = scope_of(caller);
        let key = format!("{}/{}", scope.account, scope.region);
        transact(&self.store, |tx| {
            let policy = tx.get::<RegistryPolicyRecord>(&key);
            let policy = policy.ok_or_else(|| registry_policy_not_found(&scope))?;
            tx.delete::<RegistryPolicyRecord>(&key);
            Ok(DeleteRegistryPolicyResponse {
                registry_id: Some(scope.account.clone()),
                policy_text: Some(policy.text.clone()),
            })
        })
        .await
    }
}
