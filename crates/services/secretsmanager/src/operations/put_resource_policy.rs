//! PutResourcePolicy.

use api_secretsmanager::errors::malformed_policy_document_exception;
use api_secretsmanager::operations::PutResourcePolicy;
use api_secretsmanager::types::{PutResourcePolicyRequest, PutResourcePolicyResponse};
use kit::answer::transact;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use super::{check_policy, check_policy_name, refuse_public};
use crate::reference::find_active;
use crate::{SecretRecord, SecretsManager};

impl Handle<PutResourcePolicy> for SecretsManager {
    fn access(&self, caller: &Caller, input: &PutResourcePolicyRequest) -> Access {
        let block = input.block_public_policy.unwrap_or(false).to_string();
        self.on_secret(
            "secretsmanager:PutResourcePolicy",
            caller,
            input.secret_id.as_deref(),
        )
        .condition("secretsmanager:BlockPublicPolicy", block)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutResourcePolicyRequest,
    ) -> Result<PutResourcePolicyResponse, Error> {
        check_policy_name(input.policy_name.as_deref())?;
        let id = input.secret_id.unwrap_or_default();
        let policy = input.resource_policy.unwrap_or_default();
        check_policy(&policy).map_err(malformed_policy_document_exception)?;
        if input.block_public_policy == Some(true) {
            refuse_public(&policy)?;
        }
        transact(&self.store, |tx| {
            let secret = find_active(tx, caller, &id)?;
            tx.update::<SecretRecord>(&secret.key(), |secret| {
                secret.resource_policy = Some(policy)
            });
            Ok(PutResourcePolicyResponse {
                arn: Some(secret.arn()),
                name: Some(secret.name.clone()),
                policy_name: None,
            })
        })
        .await
    }
}
