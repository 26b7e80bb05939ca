//! UpdateSecret.

use api_secretsmanager::operations::UpdateSecret;
use api_secretsmanager::types::{UpdateSecretRequest, UpdateSecretResponse};
use kit::answer::{look, transact};
use wire::{Access, Caller, Error, Handle};

use super::{check_key, version_id};
use crate::reference::find_active;
use crate::refusals::{not_found, unsupported};
use crate::stages::CURRENT;
use crate::values::{self, NewValue};
use crate::{SecretRecord, SecretsManager};

impl Handle<UpdateSecret> for SecretsManager {
    fn access(&self, caller: &Caller, input: &UpdateSecretRequest) -> Access {
        self.on_secret(
            "secretsmanager:UpdateSecret",
            caller,
            input.secret_id.as_deref(),
        )
    }

    // coverage: UpdateSecret refuses Type: secrets managed by partners are not built
    // coverage: UpdateSecret refuses KmsKeyId: other than alias/aws/secretsmanager: Gantry has no KMS
    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateSecretRequest,
    ) -> Result<UpdateSecretResponse, Error> {
        if input.r#type.as_deref().is_some_and(|kind| !kind.is_empty()) {
            return Err(unsupported("secrets managed by partners (Type)"));
        }
        check_key(input.kms_key_id.as_deref())?;
        let id = input.secret_id.unwrap_or_default();
        let value = NewValue::of(input.secret_string, input.secret_binary)?;
        let version_id = version_id(input.client_request_token, &self.clock);
        let seen = look(&self.store, |head| find_active(head, caller, &id)).await?;
        let mut version = match &value {
            None => None,
            Some(value) => Some(self.sealed(&seen, &version_id, value).await?),
        };
        let now = self.clock.now();
        transact(&self.store, |tx| {
            let secret = find_active(tx, caller, &id)?;
            if secret.suffix != seen.suffix {
                return Err(not_found().into());
            }
            if let (Some(present), Some(value)) = (values::find(tx, &secret, &version_id), &value) {
                self.check_same(&secret, &present, value)?;
                version = None;
            }
            let mut changed = SecretRecord::clone(&secret);
            changed.description = input.description.or(changed.description);
            changed.kms_key_id = input
                .kms_key_id
                .filter(|key| !key.is_empty())
                .or(changed.kms_key_id);
            changed.changed_at = now;
            match version {
                Some(version) => values::add(tx, changed, version, &[CURRENT.to_owned()])?,
                None => tx.put(changed),
            }
            Ok(UpdateSecretResponse {
                arn: Some(secret.arn()),
                name: Some(secret.name.clone()),
                version_id: value.is_some().then_some(version_id),
            })
        })
        .await
    }
}
