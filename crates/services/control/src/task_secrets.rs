//! The secrets that a task definition names, fetched for the node that runs the task.

use std::collections::BTreeMap;
use std::sync::Arc;

use api_ecs::types::TaskDefinition;
use api_gantry::errors::{task_role_unusable_exception, task_secrets_unavailable_exception};
use api_gantry::types::{RegistryLogin, TaskSecret};
use api_secretsmanager::operations::GetSecretValue;
use api_secretsmanager::types::GetSecretValueRequest;
use api_ssm::operations::GetParameters;
use api_ssm::types::GetParametersRequest;
use ecs_rules::secret_reference::{SecretReference, json_member};
use wire::{Authorizer, Caller, Error, Principal, Service};

/// Where secrets come from: APIs of this server, asked as anybody asks them.
#[derive(Clone)]
pub struct SecretSources {
    pub ssm: Arc<dyn Service>,
    pub secrets_manager: Arc<dyn Service>,
    pub authorizer: Arc<dyn Authorizer>,
    pub roles: Arc<dyn ExecutionRoles>,
}

/// Roles that task definitions name as `executionRoleArn`.
pub trait ExecutionRoles: Send + Sync {
    /// The role, assumed for a task.
    ///
    /// # Errors
    /// AccessDenied, if there is no such role or it does not trust tasks.
    fn assume(&self, account: &str, role_arn: &str, task_arn: &str) -> Result<Principal, Error>;
}

impl SecretSources {
    /// Who asks for a task's secrets: its execution role.
    ///
    /// # Errors
    /// A TaskRoleUnusableException in the words of ECS.
    pub(crate) fn role_of(
        &self,
        caller: &Caller,
        definition: &TaskDefinition,
        task_arn: &str,
    ) -> Result<Caller, Error> {
        let role_arn = definition.execution_role_arn.as_deref().unwrap_or_default();
        let assumed = self.roles.assume(&caller.account, role_arn, task_arn);
        let principal = assumed.map_err(|error| {
            tracing::info!(%error, task_arn, "the execution role of a task cannot be assumed");
            task_role_unusable_exception(format!(
                "ECS was unable to assume the role '{role_arn}' that was provided for this task. Please verify that the \
                 role being passed has the proper trust relationship and permissions and that your IAM user has \
                 permissions to pass this role."
            ))
        })?;
        Ok(Caller {
            principal,
            ..caller.clone()
        })
    }

    /// The values of all secrets of all containers.
    ///
    /// # Errors
    /// A TaskSecretsUnavailableException in the words of Amazon's agent. It names secrets, and shows no value.
    pub(crate) async fn of_definition(
        &self,
        asking: &Caller,
        definition: &TaskDefinition,
    ) -> Result<Vec<TaskSecret>, Error> {
        let mut parameters = BTreeMap::new();
        let mut invalid = Vec::new();
        let mut found = Vec::new();
        for container in definition.container_definitions.iter().flatten() {
            for secret in container.secrets.iter().flatten() {
                let value_from = secret.value_from.as_deref().unwrap_or_default();
                let value = match SecretReference::parse(value_from) {
                    SecretReference::Parameter(name) => {
                        if !parameters.contains_key(&name) {
                            let value = self.parameter(asking, &name).await?;
                            parameters.insert(name.clone(), value);
                        }
                        let value = parameters[&name].clone();
                        if value.is_none() && !invalid.contains(&name) {
                            invalid.push(name);
                        }
                        value
                    }
                    secret @ SecretReference::Secret { .. } => {
                        Some(self.secret(asking, secret).await?)
                    }
                };
                found.push(TaskSecret {
                    container_name: container.name.clone(),
                    name: secret.name.clone(),
                    value,
                });
            }
        }
        if invalid.is_empty() {
            return Ok(found);
        }
        Err(no_parameters(&format!(
            "invalid parameters: {}",
            invalid.join(",")
        )))
    }

    /// None: there is no such parameter.
    async fn parameter(&self, asking: &Caller, name: &str) -> Result<Option<String>, Error> {
        let request = GetParametersRequest {
            names: Some(vec![name.to_owned()]),
            with_decryption: Some(true),
        };
        let asked = wire::call::<GetParameters>(&*self.ssm, asking, &*self.authorizer, request);
        let answer = asked
            .await
            .map_err(|error| no_parameters(&error.to_string()))?;
        let mut parameters = answer.parameters.unwrap_or_default().into_iter();
        Ok(parameters.next().and_then(|parameter| parameter.value))
    }

    /// The logins that containers name for their images' registries.
    ///
    /// # Errors
    /// As [`of_definition`](Self::of_definition).
    pub(crate) async fn logins(
        &self,
        asking: &Caller,
        definition: &TaskDefinition,
    ) -> Result<Vec<RegistryLogin>, Error> {
        let mut logins = Vec::new();
        for container in definition.container_definitions.iter().flatten() {
            let named = container.repository_credentials.as_ref();
            let Some(id) = named.and_then(|named| named.credentials_parameter.clone()) else {
                continue;
            };
            let request = GetSecretValueRequest {
                secret_id: Some(id.clone()),
                ..Default::default()
            };
            let service = &*self.secrets_manager;
            let asked = wire::call::<GetSecretValue>(service, asking, &*self.authorizer, request);
            let answer = asked.await.map_err(|error| {
                no_login(&format!(
                    "asm fetching secret from the service for {id}: {error}"
                ))
            })?;
            let text = answer.secret_string.unwrap_or_default();
            let member = |key: &str| {
                let found = json_member(&text, key).ok().filter(|text| !text.is_empty());
                found.ok_or_else(|| {
                    no_login(&format!("the secret {id} is no JSON object with a {key}"))
                })
            };
            logins.push(RegistryLogin {
                container_name: container.name.clone(),
                username: Some(member("username")?),
                password: Some(member("password")?),
            });
        }
        Ok(logins)
    }

    async fn secret(&self, asking: &Caller, reference: SecretReference) -> Result<String, Error> {
        let SecretReference::Secret {
            id,
            json_key,
            version_stage,
            version_id,
        } = reference
        else {
            return Err(Error::internal("a parameter is no secret"));
        };
        let request = GetSecretValueRequest {
            secret_id: Some(id.clone()),
            version_id,
            version_stage,
        };
        let service = &*self.secrets_manager;
        let asked = wire::call::<GetSecretValue>(service, asking, &*self.authorizer, request);
        let answer = asked.await.map_err(|error| {
            no_secret(&format!(
                "failed to fetch secret {id} from secrets manager: {error}"
            ))
        })?;
        let text = answer.secret_string.ok_or_else(|| {
            no_secret(&format!(
                "secret {id} is binary: only strings become environment variables"
            ))
        })?;
        match json_key {
            None => Ok(text),
            Some(key) => json_member(&text, &key).map_err(|error| no_secret(&error.to_string())),
        }
    }
}

fn no_secret(reason: &str) -> Error {
    task_secrets_unavailable_exception(format!(
        "unable to retrieve secret from asm: service call has been retried 1 time(s): {reason}"
    ))
}

fn no_login(reason: &str) -> Error {
    task_secrets_unavailable_exception(format!(
        "unable to get registry auth from asm: service call has been retried 1 time(s): {reason}"
    ))
}

fn no_parameters(reason: &str) -> Error {
    task_secrets_unavailable_exception(format!(
        "unable to retrieve secrets from ssm: service call has been retried 1 time(s): {reason}"
    ))
}
