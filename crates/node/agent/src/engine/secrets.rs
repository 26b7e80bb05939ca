//! The secret environment of a task's containers: asked for once, held in memory only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api_gantry::types::TaskSecret;
use link::acs;
use runtime::SecretEnvironment;
use tokio::sync::OnceCell;

use crate::backoff::Backoff;
use crate::node::Node;

const PATIENCE: Duration = Duration::from_secs(limits::TASK_SECRETS_SECONDS);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// As Fargate begins it.
const FAILED: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed";

/// By container.
type Fetched = BTreeMap<String, SecretEnvironment>;

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

    /// Those of one container, fetched if no other container was first; or the task's reason.
    pub async fn of(&self, container: &acs::Container) -> Result<SecretEnvironment, String> {
        if container.secrets.is_empty() {
            return Ok(SecretEnvironment::default());
        }
        let fetched = self.fetched.get_or_try_init(|| self.fetch()).await?;
        let name = container.name.as_deref().unwrap_or_default();
        Ok(fetched.get(name).cloned().unwrap_or_default())
    }

    /// A server that is out of reach for a moment is asked again; one that refuses is not.
    async fn fetch(&self) -> Result<Fetched, String> {
        let clock = &self.node.clock;
        let deadline = clock.monotonic() + PATIENCE;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, 1.5);
        loop {
            let error = match self.node.api.task_secrets(&self.task_arn).await {
                Ok(secrets) => return Ok(by_container(secrets)),
                Err(error) => error,
            };
            if let client::Error::Service(refusal) = &error
                && refusal.code == "TaskSecretsUnavailableException"
            {
                return Err(format!("{FAILED}: {}", refusal.message));
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

fn by_container(secrets: Vec<TaskSecret>) -> Fetched {
    let mut fetched = Fetched::new();
    for secret in secrets {
        let container = secret.container_name.unwrap_or_default();
        let variable = (
            secret.name.unwrap_or_default(),
            secret.value.unwrap_or_default(),
        );
        fetched.entry(container).or_default().0.push(variable);
    }
    fetched
}
