//! Gantry's own API, for what AWS has no operation for: nodes joining.

mod operations;
mod records;

use std::sync::Arc;

use clock::Clock;
use state::{Schema, Store};

pub use records::NodeRecord;

/// The service.
pub struct Control {
    store: Store,
    clock: Clock,
}

impl Control {
    pub fn new(store: Store, clock: Clock) -> Arc<Self> {
        Arc::new(Self { store, clock })
    }

    /// Registers the tables of this service.
    pub fn schema(schema: Schema) -> Schema {
        schema
            .table::<NodeRecord>()
            .table::<identity::AccessKeyRecord>()
    }
}
