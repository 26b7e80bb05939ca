//! What the agent needs of a network: a trait, so that tests run where namespaces cannot be made.

use std::path::PathBuf;

use network::{Network, NetworkError, TaskNetwork};
use runtime::BoxFuture;

/// Gives tasks their network namespaces.
pub trait TaskNetworks: Send + Sync {
    /// Once, before anything else.
    fn prepare(&self) -> BoxFuture<'_, Result<(), NetworkError>>;

    /// Puts back what others on the machine took away since; what that was.
    fn restore(&self) -> BoxFuture<'_, Result<Vec<&'static str>, NetworkError>>;

    /// Makes the task's namespace, replacing what an earlier try left.
    fn setup(&self, task: TaskNetwork) -> BoxFuture<'_, Result<PathBuf, NetworkError>>;

    /// Idempotent.
    fn teardown<'a>(&'a self, task_id: &'a str) -> BoxFuture<'a, Result<(), NetworkError>>;

    /// Tasks that have a namespace, and where it is.
    fn list(&self) -> BoxFuture<'_, Result<Vec<(String, PathBuf)>, NetworkError>>;
}

impl TaskNetworks for Network {
    fn prepare(&self) -> BoxFuture<'_, Result<(), NetworkError>> {
        Box::pin(self.ensure_base())
    }

    fn restore(&self) -> BoxFuture<'_, Result<Vec<&'static str>, NetworkError>> {
        Box::pin(self.restore_base())
    }

    fn setup(&self, task: TaskNetwork) -> BoxFuture<'_, Result<PathBuf, NetworkError>> {
        Box::pin(async move { Ok(Network::setup(self, task).await?.netns_path) })
    }

    fn teardown<'a>(&'a self, task_id: &'a str) -> BoxFuture<'a, Result<(), NetworkError>> {
        Box::pin(Network::teardown(self, task_id))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<(String, PathBuf)>, NetworkError>> {
        Box::pin(async move {
            let ids = Network::list(self).await?;
            ids.into_iter()
                .map(|id| self.netns_path(&id).map(|path| (id, path)))
                .collect()
        })
    }
}
