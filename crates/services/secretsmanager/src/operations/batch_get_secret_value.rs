//! BatchGetSecretValue.

use std::sync::Arc;

use api_secretsmanager::errors::invalid_parameter_exception;
use api_secretsmanager::operations::BatchGetSecretValue;
use api_secretsmanager::types::{
    APIErrorType, BatchGetSecretValueRequest, BatchGetSecretValueResponse, SecretValueEntry,
};
use kit::answer::look;
use kit::paginate;
use limits::SECRETS_PER_BATCH;
use wire::{Access, Caller, Error, Handle};

use super::get_secret_value::Selected;
use super::{find_version, page_of};
use crate::SecretsManager;
use crate::describe::timestamp;
use crate::filter::Filters;
use crate::records::{SecretRecord, secret_key};
use crate::reference::find;

impl Handle<BatchGetSecretValue> for SecretsManager {
    /// Each secret is asked for on its own, as GetSecretValue would.
    fn access(&self, caller: &Caller, input: &BatchGetSecretValueRequest) -> Access {
        let access = Access::action("secretsmanager:BatchGetSecretValue");
        let ids = input.secret_id_list.iter().flatten();
        let arns = ids.flat_map(|id| {
            let access = self.on_secret("secretsmanager:GetSecretValue", caller, Some(id));
            access.asks()[0].resources.clone()
        });
        let arns: Vec<String> = arns.collect();
        match input.filters.is_some() || arns.is_empty() {
            true => access
                .also("secretsmanager:ListSecrets")
                .also("secretsmanager:GetSecretValue"),
            false => access.also("secretsmanager:GetSecretValue").resources(arns),
        }
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: BatchGetSecretValueRequest,
    ) -> Result<BatchGetSecretValueResponse, Error> {
        let ids = input.secret_id_list.unwrap_or_default();
        if ids.is_empty() == input.filters.is_none() {
            return Err(invalid_parameter_exception(
                "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
            ));
        }
        if input.max_results.is_some() && input.filters.is_none() {
            return Err(invalid_parameter_exception(
                "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
            ));
        }
        let by_filters = input.filters.is_some();
        let filters = Filters::read(input.filters)?;
        let page = page_of(
            input.max_results,
            input.next_token.as_deref(),
            SECRETS_PER_BATCH,
        )?;
        let prefix = secret_key(&caller.account, &caller.region, "");
        let (found, next_token) = look(&self.store, |head| {
            if !by_filters {
                let found = ids.iter().map(|id| {
                    let selected = find(head, caller, id).and_then(|secret| {
                        let version = find_version(head, &secret, None, None)?;
                        Ok((secret, version))
                    });
                    (id.clone(), selected)
                });
                return Ok((found.collect::<Vec<_>>(), None));
            }
            let secrets = head.scan::<SecretRecord>(&prefix);
            let secrets =
                secrets.filter(|secret| secret.deletion.is_none() && filters.pass(secret));
            let (secrets, token) = paginate(&page, secrets, |secret| secret.name.clone());
            let found = secrets.into_iter().map(|secret| {
                let version = find_version(head, secret, None, None);
                (
                    secret.arn(),
                    version.map(|version| (Arc::clone(secret), version)),
                )
            });
            Ok((found.collect(), token))
        })
        .await?;
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for (id, selected) in found {
            match selected.and_then(|selected| self.entry(&selected)) {
                Ok(entry) => values.push(entry),
                Err(error) => errors.push(APIErrorType {
                    error_code: Some(error.code.into_owned()),
                    message: Some(error.message),
                    secret_id: Some(id),
                }),
            }
        }
        Ok(BatchGetSecretValueResponse {
            errors: Some(errors),
            next_token,
            secret_values: Some(values),
        })
    }
}

impl SecretsManager {
    fn entry(&self, (secret, version): &Selected) -> Result<SecretValueEntry, Error> {
        let (secret_string, secret_binary) = self.opened(secret, version)?;
        self.note_access(secret);
        Ok(SecretValueEntry {
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
