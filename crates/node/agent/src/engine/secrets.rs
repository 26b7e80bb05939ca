//! The secret environment of a task's containers and their registries' logins: asked for once, held in memory only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api_gantry::types::GetTaskSecretsResponse;
use link::acs;
use runtime::{RegistryAuth, SecretEnvironment};
use tokio::sync::OnceCell;

use crate::backoff::Backoff;
use crate::node::Node;

const PATIENCE: Duration = Duration::from_secs(limits::TASK_SECRETS_SECONDS);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// As Fargate begins it.
const FAILED: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed";

/// By container.
#[derive(Default)]
struct Fetched {
    environments: BTreeMap<String, SecretEnvironment>,
    logins: BTreeMap<String, RegistryAuth>,
}

/// The secrets of one task.
pub struct TaskSecrets {
    node: Arc<Node>,
    task_arn: String,
    fetched: OnceCell<Fetched>,
}

impl TaskSecrets {
    pub fn new(node: Arc<Node>, task_arn: String) -> Arc<Self> {
        Arc::new(Self {
            node,
            task_arn,
            fetched: OnceCell::new(),
        })
    }

    /// Fetches what this container names, unless another container was first; or the task's reason.
    pub async fn prepare(&self, container: &acs::Container) -> Result<(), String> {
        if !container.secrets.is_empty() || names_login(container) {
            self.fetched.get_or_try_init(|| self.fetch()).await?;
        }
        Ok(())
    }

    /// The environment of one container.
    pub async fn of(&self, container: &acs::Container) -> Result<SecretEnvironment, String> {
        if container.secrets.is_empty() {
            return Ok(SecretEnvironment::default());
        }
        let fetched = self.fetched.get_or_try_init(|| self.fetch()).await?;
        let name = container.name.as_deref().unwrap_or_default();
        Ok(fetched.environments.get(name).cloned().unwrap_or_default())
    }

    /// The login that the container names for its image's registry.
    pub async fn login(&self, container: &acs::Container) -> Result<Option<RegistryAuth>, String> {
        if !names_login(container) {
            return Ok(None);
        }
        let fetched = self.fetched.get_or_try_init(|| self.fetch()).await?;
        let name = container.name.as_deref().unwrap_or_default();
        Ok(fetched.logins.get(name).cloned())
    }

    /// A server that is out of reach for a moment is asked again; one that refuses is not.
    async fn fetch(&self) -> Result<Fetched, String> {
        let clock = &self.node.clock;
        let deadline = clock.monotonic() + PATIENCE;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, 1.5);
        loop {
            let error = match self.node.api.task_secrets(&self.task_arn).await {
                Ok(answer) => return Ok(by_container(answer)),
                Err(error) => error,
            };
            if let client::Error::Service(refusal) = &error
                && refusal.code == "TaskSecretsUnavailableException"
            {
                return Err(format!("{FAILED}: {}", refusal.message));
            }
            // ECS says this by itself, before it asks an agent for anything.
            if let client::Error::Service(refusal) = &error
                && refusal.code == "TaskRoleUnusableException"
            {
                return Err(refusal.message.clone());
            }
            if !error.is_transient() || clock.monotonic() >= deadline {
                return Err(format!("{FAILED}: {error}"));
            }
            let wait = backoff.next_wait(clock);
            tracing::debug!(%error, task = self.task_arn, "the secrets of a task wait {wait:?}");
            clock.sleep(wait).await;
        }
    }
}

fn names_login(container: &acs::Container) -> bool {
    let authentication = container.registry_authentication.as_ref();
    authentication.is_some_and(|of| of.kind.as_deref() == Some("asm"))
}

fn by_container(answer: GetTaskSecretsResponse) -> Fetched {
    let mut fetched = Fetched::default();
    for login in answer.registry_logins.unwrap_or_default() {
        let auth = RegistryAuth {
            username: login.username.unwrap_or_default(),
            password: login.password.unwrap_or_default(),
        };
        let container = login.container_name.unwrap_or_default();
        fetched.logins.insert(container, auth);
    }
    for secret in answer.secrets.unwrap_or_default() {
        let container = secret.container_name.unwrap_or_default();
        let variable = (
            secret.name.unwrap_or_default(),
            secret.value.unwrap_or_default(),
        );
        fetched
            .environments
            .entry(container)
            .or_default()
            .0
            .push(variable);
    }
    fetched
}
