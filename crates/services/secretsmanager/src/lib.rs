//! AWS Secrets Manager. Values are sealed by the vault.

mod describe;
mod filter;
mod loops;
mod operations;
mod password;
mod records;
mod reference;
mod refusals;
mod stages;
mod values;

use std::sync::Arc;

use clock::Clock;
use state::{Schema, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vault::Vault;

pub use records::{SecretRecord, SecretVersionRecord};

/// The service.
pub struct SecretsManager {
    store: Store,
    clock: Clock,
    vault: Arc<Vault>,
}

impl SecretsManager {
    pub fn new(store: Store, clock: Clock, vault: Arc<Vault>) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            vault,
        })
    }

    /// Registers the tables of this service; the vault's is its own.
    pub fn schema(schema: Schema) -> Schema {
        schema
            .table::<SecretRecord>()
            .table::<SecretVersionRecord>()
    }

    /// Begins to delete secrets whose recovery window is over.
    pub fn spawn_loops(&self, shutdown: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let purging = loops::PurgeDeleted {
            store: self.store.clone(),
            clock: self.clock.clone(),
        };
        vec![kit::loops::spawn(
            purging,
            &self.store,
            &self.clock,
            shutdown,
        )]
    }
}
