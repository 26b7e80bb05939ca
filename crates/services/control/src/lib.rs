//! Gantry's own API, for what AWS has no operation for: nodes joining, backups, what happened, what is used.

mod backups;
mod deployments;
mod events;
mod expire_history;
mod explain;
mod operations;
mod record_events;
mod records;
mod task_secrets;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use clock::{Clock, UnixMillis};
use history::History;
use service_ecs::Ecs;
use state::{Schema, Store};
use tokio::{sync::watch, task::JoinHandle};
use vault::Vault;

pub use backups::Backups;
pub use record_events::RecordError;
pub use records::NodeRecord;
pub use task_secrets::{ExecutionRoles, SecretSources};

/// The service.
pub struct Control {
    store: Store,
    clock: Clock,
    ecs: Arc<Ecs>,
    history: Arc<History>,
    backups: Backups,
    vault: Arc<Vault>,
    secrets: SecretSources,
    settings: Settings,
    started_at: UnixMillis,
}

/// What the service administers.
pub struct Parts {
    pub store: Store,
    pub clock: Clock,
    pub ecs: Arc<Ecs>,
    pub history: Arc<History>,
    pub backups: Backups,
    pub vault: Arc<Vault>,
    pub secrets: SecretSources,
    pub settings: Settings,
}

/// What DescribeServer says, and what the operator set.
#[derive(Debug, Clone)]
pub struct Settings {
    pub version: &'static str,
    pub endpoint: String,
    pub data_directory: PathBuf,
    /// How long the history is kept.
    pub history_days: u32,
}

impl Control {
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            started_at: parts.clock.now(),
            store: parts.store,
            clock: parts.clock,
            ecs: parts.ecs,
            history: parts.history,
            backups: parts.backups,
            vault: parts.vault,
            secrets: parts.secrets,
            settings: parts.settings,
        })
    }

    /// Registers the tables of this service.
    pub fn schema(schema: Schema) -> Schema {
        schema
            .table::<NodeRecord>()
            .table::<identity::AccessKeyRecord>()
    }

    /// Begins to record events, and to let go of what is older than the operator wants. To be called before other loops
    /// change anything, so that what the last run did not record is seen.
    pub async fn spawn_loops(
        self: &Arc<Self>,
        shutdown: &watch::Receiver<bool>,
    ) -> Result<Vec<JoinHandle<()>>, RecordError> {
        let recorder = record_events::Recorder::open(
            self.store.clone(),
            Arc::clone(&self.history),
            self.clock.clone(),
        )
        .await?;
        let expiring = expire_history::run(Arc::clone(self), shutdown.clone());
        Ok(vec![
            self.clock
                .spawn("record-events", recorder.run(shutdown.clone())),
            self.clock.spawn("expire-history", expiring),
        ])
    }
}
