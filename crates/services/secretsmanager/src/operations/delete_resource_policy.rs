//! DeleteResourcePolicy.

use api_secretsmanager::operations::DeleteResourcePolicy;
use api_secretsmanager::types::{DeleteResourcePolicyRequest, DeleteResourcePolicyResponse};
use kit::answer::transact;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use super::check_policy_name;
use crate::reference::find_active;
use crate::{SecretRecord, SecretsManager};

impl Handle<DeleteResourcePolicy> for SecretsManager {
    fn access(&self, caller: &Caller, input: &DeleteResourcePolicyRequest) -> Access {
        self.on_secret(
            "secretsmanager:DeleteResourcePolicy",
            caller,
            input.secret_id.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteResourcePolicyRequest,
    ) -> Result<DeleteResourcePolicyResponse, Error> {
        check_policy_name(input.policy_name.as_deref())?;
        let id = input.secret_id.unwrap_or_default();
        transact(&self.store, |tx| {
            let secret = find_active(tx, caller, &id)?;
            tx.update::<SecretRecord>(&secret.key(), |secret| secret.resource_policy = None);
            Ok(DeleteResourcePolicyResponse {
                arn: Some(secret.arn()),
                name: Some(secret.name.clone()),
                policy_name: None,
            })
        })
        .await
    }
}
