//! PutSecretValue.

use api_secretsmanager::errors::{invalid_parameter_exception, limit_exceeded_exception};
use api_secretsmanager::operations::PutSecretValue;
use api_secretsmanager::types::{PutSecretValueRequest, PutSecretValueResponse};
use kit::answer::{look, transact};
use limits::SECRET_STAGES;
use wire::{Access, Caller, Error, Handle};

use super::{no_value, version_id};
use crate::reference::find_active;
use crate::refusals::unsupported;
use crate::stages::CURRENT;
use crate::values::{self, NewValue};
use crate::{SecretRecord, SecretsManager};

impl Handle<PutSecretValue> for SecretsManager {
    fn access(&self, caller: &Caller, input: &PutSecretValueRequest) -> Access {
        self.on_secret(
            "secretsmanager:PutSecretValue",
            caller,
            input.secret_id.as_deref(),
        )
    }

    // coverage: PutSecretValue refuses RotationToken: rotation is not built
    async fn handle(
        &self,
        caller: &Caller,
        input: PutSecretValueRequest,
    ) -> Result<PutSecretValueResponse, Error> {
        if input.rotation_token.is_some() {
            return Err(unsupported("rotation of secrets (RotationToken)"));
        }
        let id = input.secret_id.unwrap_or_default();
        let value = NewValue::of(input.secret_string, input.secret_binary)?.ok_or_else(no_value)?;
        let labels = input.version_stages.filter(|labels| !labels.is_empty());
        let labels = labels.unwrap_or_else(|| vec![CURRENT.to_owned()]);
        self.put_value(
            caller,
            &id,
            version_id(input.client_request_token, &self.clock),
            value,
            labels,
        )
        .await
    }
}

impl SecretsManager {
    async fn put_value(
        &self,
        caller: &Caller,
        id: &str,
        version_id: String,
        value: NewValue,
        mut labels: Vec<String>,
    ) -> Result<PutSecretValueResponse, Error> {
        let seen = look(&self.store, |head| find_active(head, caller, id)).await?;
        let version = self.sealed(&seen, &version_id, &value).await?;
        transact(&self.store, |tx| {
            let secret = find_active(tx, caller, id)?;
            if secret.suffix != seen.suffix {
                return Err(invalid_parameter_exception("The secret was replaced by another of its name.").into());
            }
            let answer = |secret: &SecretRecord| PutSecretValueResponse {
                arn: Some(secret.arn()),
                name: Some(secret.name.clone()),
                version_id: Some(version_id.clone()),
                version_stages: Some(secret.stages_of(&version_id)),
            };
            if let Some(present) = values::find(tx, &secret, &version_id) {
                self.check_same(&secret, &present, &value)?;
                return Ok(answer(&secret));
            }
            // The first value is the current one, whatever else it is.
            if secret.stages.is_empty() && !labels.iter().any(|label| label == CURRENT) {
                labels.push(CURRENT.to_owned());
            }
            let others = secret.stages.keys().filter(|stage| !labels.contains(stage)).count();
            if others + labels.len() > SECRET_STAGES {
                let message = format!("You can have up to {SECRET_STAGES} staging labels attached to the versions of a secret.");
                return Err(limit_exceeded_exception(message).into());
            }
            let key = state::Record::key(&*secret);
            values::add(tx, SecretRecord::clone(&secret), version, &labels)?;
            let written = tx.get::<SecretRecord>(&key).expect("it was written just now");
            Ok(answer(&written))
        })
        .await
    }
}
