//! RestoreSecret.

use api_secretsmanager::operations::RestoreSecret;
use api_secretsmanager::types::{RestoreSecretRequest, RestoreSecretResponse};
use kit::answer::transact;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::SecretsManager;
use crate::records::SecretRecord;
use crate::reference::find;

impl Handle<RestoreSecret> for SecretsManager {
    fn access(&self, caller: &Caller, input: &RestoreSecretRequest) -> Access {
        self.on_secret(
            "secretsmanager:RestoreSecret",
            caller,
            input.secret_id.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: RestoreSecretRequest,
    ) -> Result<RestoreSecretResponse, Error> {
        let id = input.secret_id.unwrap_or_default();
        transact(&self.store, |tx| {
            let secret = find(tx, caller, &id)?;
            tx.update::<SecretRecord>(&secret.key(), |secret| secret.deletion = None);
            Ok(RestoreSecretResponse {
                arn: Some(secret.arn()),
                name: Some(secret.name.clone()),
            })
        })
        .await
    }
}
