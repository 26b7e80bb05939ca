//! UpdateSecretVersionStage.

use api_secretsmanager::errors::limit_exceeded_exception;
use api_secretsmanager::operations::UpdateSecretVersionStage;
use api_secretsmanager::types::{
    UpdateSecretVersionStageRequest, UpdateSecretVersionStageResponse,
};
use kit::answer::transact;
use limits::SECRET_STAGES;
use wire::{Access, Caller, Error, Handle};

use crate::reference::find_active;
use crate::refusals::value_not_found;
use crate::{SecretRecord, SecretsManager, stages, values};

impl Handle<UpdateSecretVersionStage> for SecretsManager {
    fn access(&self, caller: &Caller, input: &UpdateSecretVersionStageRequest) -> Access {
        let stage = input.version_stage.clone().unwrap_or_default();
        self.on_secret(
            "secretsmanager:UpdateSecretVersionStage",
            caller,
            input.secret_id.as_deref(),
        )
        .condition("secretsmanager:VersionStage", stage)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateSecretVersionStageRequest,
    ) -> Result<UpdateSecretVersionStageResponse, Error> {
        let id = input.secret_id.unwrap_or_default();
        let stage = input.version_stage.unwrap_or_default();
        let (from, to) = (input.remove_from_version_id, input.move_to_version_id);
        let now = self.clock.now();
        transact(&self.store, |tx| {
            let secret = find_active(tx, caller, &id)?;
            for version in [&from, &to].into_iter().flatten() {
                if values::find(tx, &secret, version).is_none() {
                    return Err(value_not_found("VersionId", version).into());
                }
            }
            let mut changed = SecretRecord::clone(&secret);
            stages::update(&mut changed.stages, &stage, from.as_deref(), to.as_deref())?;
            if changed.stages.len() > SECRET_STAGES {
                let message = format!("You can have up to {SECRET_STAGES} staging labels attached to the versions of a secret.");
                return Err(limit_exceeded_exception(message).into());
            }
            changed.changed_at = now;
            tx.put(changed);
            Ok(UpdateSecretVersionStageResponse {
                arn: Some(secret.arn()),
                name: Some(secret.name.clone()),
            })
        })
        .await
    }
}
