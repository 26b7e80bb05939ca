//! DeleteSecret.

use std::time::Duration;

use api_secretsmanager::errors::invalid_parameter_exception;
use api_secretsmanager::operations::DeleteSecret;
use api_secretsmanager::types::{DeleteSecretRequest, DeleteSecretResponse};
use kit::answer::transact;
use limits::{SECRET_RECOVERY_DAYS, SECRET_RECOVERY_DAYS_LEAST};
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::describe::timestamp;
use crate::records::{Deletion, SecretRecord};
use crate::reference::{any_of_name, find};
use crate::refusals::is_deleted;
use crate::{SecretsManager, values};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Handle<DeleteSecret> for SecretsManager {
    fn access(&self, caller: &Caller, input: &DeleteSecretRequest) -> Access {
        let force = input
            .force_delete_without_recovery
            .unwrap_or(false)
            .to_string();
        let access = self
            .on_secret(
                "secretsmanager:DeleteSecret",
                caller,
                input.secret_id.as_deref(),
            )
            .condition("secretsmanager:ForceDeleteWithoutRecovery", force);
        match input.recovery_window_in_days {
            Some(days) => access.condition("secretsmanager:RecoveryWindowInDays", days.to_string()),
            None => access,
        }
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteSecretRequest,
    ) -> Result<DeleteSecretResponse, Error> {
        let id = input.secret_id.unwrap_or_default();
        let force = input.force_delete_without_recovery.unwrap_or(false);
        let now = self.clock.now();
        let days = match input.recovery_window_in_days {
            Some(_) if force => {
                return Err(invalid_parameter_exception(
                    "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
                ));
            }
            Some(days) if !(SECRET_RECOVERY_DAYS_LEAST..=SECRET_RECOVERY_DAYS).contains(&days) => {
                return Err(invalid_parameter_exception(format!(
                    "The RecoveryWindowInDays value must be between {SECRET_RECOVERY_DAYS_LEAST} and \
                     {SECRET_RECOVERY_DAYS} days (inclusive)."
                )));
            }
            asked => asked.unwrap_or(SECRET_RECOVERY_DAYS),
        };
        let deletion = Deletion {
            asked_at: now,
            at: if force {
                now
            } else {
                now + DAY * u32::try_from(days).unwrap_or_default()
            },
        };
        transact(&self.store, |tx| {
            let answer = |arn, name| DeleteSecretResponse {
                arn: Some(arn),
                deletion_date: Some(timestamp(deletion.at)),
                name: Some(name),
            };
            let secret = match find(tx, caller, &id) {
                Ok(secret) => secret,
                // What is to be gone at once is gone.
                Err(_) if force => return Ok(answer(any_of_name(caller, &id), id)),
                Err(error) => return Err(error.into()),
            };
            if force {
                values::remove(tx, &secret);
            } else if secret.deletion.is_some() {
                return Err(is_deleted().into());
            } else {
                tx.update::<SecretRecord>(&secret.key(), |secret| secret.deletion = Some(deletion));
            }
            Ok(answer(secret.arn(), secret.name.clone()))
        })
        .await
    }
}
