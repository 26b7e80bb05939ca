//! CreateSecret.

use api_secretsmanager::errors::{
    invalid_request_exception, limit_exceeded_exception, resource_exists_exception,
};
use api_secretsmanager::operations::CreateSecret;
use api_secretsmanager::types::{CreateSecretRequest, CreateSecretResponse};
use clock::Clock;
use kit::answer::{Refusal, transact};
use limits::SECRETS_PER_REGION;
use state::Tx;
use wire::{Access, Caller, Error, Handle};

use super::{check_key, tags_of, version_id, with_tags};
use crate::records::{SecretRecord, SecretVersionRecord, secret_key};
use crate::reference::{any_of_name, check_name};
use crate::refusals::unsupported;
use crate::stages::CURRENT;
use crate::values::{self, NewValue};
use crate::{SecretsManager, stages};

impl Handle<CreateSecret> for SecretsManager {
    fn access(&self, caller: &Caller, input: &CreateSecretRequest) -> Access {
        let name = input.name.as_deref().unwrap_or_default();
        let arn = any_of_name(caller, name);
        let tags = input.tags.as_deref();
        let access = Access::action("secretsmanager:CreateSecret")
            .resource(arn.clone())
            .condition("secretsmanager:Name", name);
        let access = with_tags(access, tags);
        match tags.is_none_or(<[_]>::is_empty) {
            true => access,
            false => with_tags(
                access.also("secretsmanager:TagResource").resource(arn),
                tags,
            ),
        }
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: CreateSecretRequest,
    ) -> Result<CreateSecretResponse, Error> {
        refuse_unsupported(&input)?;
        check_key(input.kms_key_id.as_deref())?;
        let name = input.name.unwrap_or_default();
        check_name(&name)?;
        let value = NewValue::of(input.secret_string, input.secret_binary)?;
        let version_id = version_id(input.client_request_token, &self.clock);
        let now = self.clock.now();
        let secret = SecretRecord {
            account: caller.account.clone(),
            region: caller.region.clone(),
            suffix: suffix(&self.clock),
            description: input.description,
            kms_key_id: input.kms_key_id.filter(|key| !key.is_empty()),
            created_at: now,
            changed_at: now,
            accessed_at: None,
            deletion: None,
            tags: tags_of(input.tags)?,
            resource_policy: None,
            stages: stages::Stages::new(),
            name,
        };
        let version = match &value {
            None => None,
            Some(value) => Some(self.sealed(&secret, &version_id, value).await?),
        };
        transact(&self.store, |tx| {
            let key = secret_key(&secret.account, &secret.region, &secret.name);
            if let Some(present) = tx.get::<SecretRecord>(&key) {
                return Ok(self.made_before(tx, &present, &version_id, value.as_ref())?);
            }
            if tx.len::<SecretRecord>() >= SECRETS_PER_REGION {
                let message =
                    format!("You can have up to {SECRETS_PER_REGION} secrets in a Region.");
                return Err(limit_exceeded_exception(message).into());
            }
            create(tx, secret, version)
        })
        .await
    }
}

impl SecretsManager {
    /// The same request again gets the same answer, any other is refused.
    fn made_before(
        &self,
        tx: &Tx<'_>,
        present: &SecretRecord,
        version_id: &str,
        value: Option<&NewValue>,
    ) -> Result<CreateSecretResponse, Error> {
        if present.deletion.is_some() {
            return Err(invalid_request_exception(
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        let version = values::find(tx, present, version_id);
        let (Some(version), Some(value)) = (version, value) else {
            return Err(resource_exists_exception(format!(
                "The operation failed because the secret {} already exists.",
                present.name
            )));
        };
        self.check_same(present, &version, value)?;
        Ok(CreateSecretResponse {
            arn: Some(present.arn()),
            name: Some(present.name.clone()),
            version_id: Some(version.version_id.clone()),
            replication_status: None,
        })
    }
}

fn create(
    tx: &mut Tx<'_>,
    secret: SecretRecord,
    version: Option<SecretVersionRecord>,
) -> Result<CreateSecretResponse, Refusal> {
    let answer = CreateSecretResponse {
        arn: Some(secret.arn()),
        name: Some(secret.name.clone()),
        version_id: version.as_ref().map(|version| version.version_id.clone()),
        replication_status: None,
    };
    match version {
        Some(version) => values::add(tx, secret, version, &[CURRENT.to_owned()])?,
        None => tx.insert(secret)?,
    }
    Ok(answer)
}

// coverage: CreateSecret refuses AddReplicaRegions: secrets are not replicated: a Gantry is one region
// coverage: CreateSecret refuses CrossAccountPrimaryARN: secrets are not replicated
// coverage: CreateSecret refuses ForceOverwriteReplicaSecret: secrets are not replicated
// coverage: CreateSecret refuses Type: secrets managed by partners are not built
// coverage: CreateSecret refuses KmsKeyId: other than alias/aws/secretsmanager: Gantry has no KMS
fn refuse_unsupported(input: &CreateSecretRequest) -> Result<(), Error> {
    let regions = input.add_replica_regions.as_ref();
    if regions.is_some_and(|regions| !regions.is_empty())
        || input.force_overwrite_replica_secret == Some(true)
    {
        return Err(unsupported("replication of secrets (AddReplicaRegions)"));
    }
    if input.cross_account_primary_arn.is_some() {
        return Err(unsupported(
            "replication of secrets (CrossAccountPrimaryARN)",
        ));
    }
    match input.r#type.as_deref() {
        None | Some("") => Ok(()),
        Some(_) => Err(unsupported("secrets managed by partners (Type)")),
    }
}

/// Six letters and digits.
fn suffix(clock: &Clock) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let drawn = (0..6).map(|_| clock.random_u64() % ALPHABET.len() as u64);
    drawn.map(|at| char::from(ALPHABET[at as usize])).collect()
}
