//! SSM Parameter Store. Values of SecureString parameters are sealed by the vault.

mod filter;
mod name;
mod operations;
mod records;
mod refusals;
mod render;
mod selector;
mod versions;

use std::sync::Arc;

use clock::Clock;
use state::{Schema, Store};
use vault::Vault;

pub use records::{ParameterRecord, ParameterVersionRecord, Value, Version};

/// The service.
pub struct Ssm {
    store: Store,
    clock: Clock,
    vault: Arc<Vault>,
}

impl Ssm {
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
            .table::<ParameterRecord>()
            .table::<ParameterVersionRecord>()
    }
}
