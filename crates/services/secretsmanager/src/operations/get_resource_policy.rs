//! GetResourcePolicy.

use api_secretsmanager::operations::GetResourcePolicy;
use api_secretsmanager::types::{GetResourcePolicyRequest, GetResourcePolicyResponse};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::check_policy_name;
use crate::SecretsManager;
use crate::reference::find_active;

impl Handle<GetResourcePolicy> for SecretsManager {
    fn access(&self, caller: &Caller, input: &GetResourcePolicyRequest) -> Access {
        self.on_secret(
            "secretsmanager:GetResourcePolicy",
            caller,
            input.secret_id.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetResourcePolicyRequest,
    ) -> Result<GetResourcePolicyResponse, Error> {
        check_policy_name(input.policy_name.as_deref())?;
        let id = input.secret_id.unwrap_or_default();
        look(&self.store, |head| {
            let secret = find_active(head, caller, &id)?;
            Ok(GetResourcePolicyResponse {
                arn: Some(secret.arn()),
                name: Some(secret.name.clone()),
                policy_name: None,
                resource_policy: secret.resource_policy.clone(),
            })
        })
        .await
    }
}
