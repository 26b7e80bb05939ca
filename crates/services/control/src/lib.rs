//! Gantry's own API, for what AWS has no operation for: nodes joining, backups.

mod backups;
mod operations;
mod records;

use std::sync::Arc;

use clock::Clock;
use state::{Schema, Store};

pub use backups::Backups;
pub use records::NodeRecord;

/// The service.
pub struct Control {
    store: Store,
    clock: Clock,
    backups: Option<Backups>,
}

impl Control {
    pub fn new(store: Store, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            backups: None,
        })
    }

    /// As [`Control::new`], with a place to write backups to.
    pub fn with_backups(store: Store, clock: Clock, backups: Backups) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            backups: Some(backups),
        })
    }

    /// Registers the tables of this service.
    pub fn schema(schema: Schema) -> Schema {
        schema
            .table::<NodeRecord>()
            .table::<identity::AccessKeyRecord>()
    }

    fn backups(&self) -> Result<&Backups, wire::Error> {
        self.backups
            .as_ref()
            .ok_or_else(|| api_gantry::errors::server_exception("This server keeps no backups."))
    }
}
