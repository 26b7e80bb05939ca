//! GetSecretValue.

use std::sync::Arc;

use api_secretsmanager::operations::GetSecretValue;
use api_secretsmanager::types::{GetSecretValueRequest, GetSecretValueResponse};
use kit::answer::look;
use state::{Record, StateError};
use wire::{Access, Caller, Error, Handle};

use super::find_version;
use crate::describe::timestamp;
use crate::reference::find;
use crate::{SecretRecord, SecretVersionRecord, SecretsManager};

const DAY_MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

impl Handle<GetSecretValue> for SecretsManager {
    fn access(&self, caller: &Caller, input: &GetSecretValueRequest) -> Access {
        let access = self.on_secret(
            "secretsmanager:GetSecretValue",
            caller,
            input.secret_id.as_deref(),
        );
        let named = [
            ("secretsmanager:VersionId", &input.version_id),
            ("secretsmanager:VersionStage", &input.version_stage),
        ];
        named
            .into_iter()
            .fold(access, |access, (key, value)| match value {
                Some(value) => access.condition(key, value.clone()),
                None => access,
            })
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetSecretValueRequest,
    ) -> Result<GetSecretValueResponse, Error> {
        let id = input.secret_id.unwrap_or_default();
        let (secret, version) = look(&self.store, |head| {
            let secret = find(head, caller, &id)?;
            let stage = input.version_stage.as_deref();
            let version = find_version(head, &secret, input.version_id.as_deref(), stage)?;
            Ok((secret, version))
        })
        .await?;
        let (secret_string, secret_binary) = self.opened(&secret, &version)?;
        self.note_access(&secret);
        Ok(GetSecretValueResponse {
            arn: Some(secret.arn()),
            created_date: Some(timestamp(version.created_at)),
            name: Some(secret.name.clone()),
            secret_binary,
            secret_string,
            version_id: Some(version.version_id.clone()),
            version_stages: Some(secret.stages_of(&version.version_id)),
        })
    }
}

pub(super) type Selected = (Arc<SecretRecord>, Arc<SecretVersionRecord>);

impl SecretsManager {
    /// LastAccessedDate is a day: written once a day, and no answer waits for it.
    pub(super) fn note_access(&self, secret: &SecretRecord) {
        let now = self.clock.now().as_millis();
        let today = clock::UnixMillis(now - now.rem_euclid(DAY_MILLISECONDS));
        if secret.accessed_at == Some(today) {
            return;
        }
        let noted = self.store.transact(|tx| {
            tx.update::<SecretRecord>(&secret.key(), |secret| secret.accessed_at = Some(today));
            Ok::<_, StateError>(())
        });
        if let Err(error) = noted {
            tracing::warn!(%error, "the day of a secret's last access was not written");
        }
    }
}
