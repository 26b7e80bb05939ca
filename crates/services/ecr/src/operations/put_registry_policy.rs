//! PutRegistryPolicy.

use api_ecr::operations::PutRegistryPolicy;
use api_ecr::types::{PutRegistryPolicyRequest, PutRegistryPolicyResponse};
use kit::answer::transact;
use policy::{Policy, PolicyUse};
use wire::{Access, Caller, Error, Handle};

use crate::Ecr;
use crate::access::scope_of;
use crate::records::RegistryPolicyRecord;
use crate::refusals::invalid_parameter;

impl Handle<PutRegistryPolicy> for Ecr {
    fn access(&self, _: &Caller, _: &PutRegistryPolicyRequest) -> Access {
        Access::action("ecr:PutRegistryPolicy")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutRegistryPolicyRequest,
    ) -> Result<PutRegistryPolicyResponse, Error> {
        let scope = scope_of(caller);
        let text = input.policy_text.unwrap_or_default();
        Policy::parse(&text, PolicyUse::Resource).map_err(|error| {
            tracing::debug!(%error, "registry policy refused");
            invalid_parameter("PolicyText", "Invalid registry policy provided")
        })?;
        transact(&self.store, |tx| {
            tx.put(RegistryPolicyRecord {
                account: scope.account.clone(),
                region: scope.region.clone(),
                text: text.clone(),
            });
            Ok(PutRegistryPolicyResponse {
                registry_id: Some(scope.account.clone()),
                policy_text: Some(text.clone()),
            })
        })
        .await
    }
}
