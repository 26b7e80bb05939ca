//! CloudWatch Logs over the log store: groups and what is set of them, streams, events, searching, Logs Insights, live tails.

mod answer;
mod events;
mod group;
mod live_tail;
mod operations;
mod queries;
mod records;
mod retention;
mod tags;
mod tokens;

use std::sync::Arc;

use clock::Clock;
use limits::LOG_TAILS_AT_ONCE;
use log_store::LogStore;
use state::{Schema, Store};
use tokio::sync::{Mutex, Semaphore};

use queries::Queries;
use records::QueryDefinitionRecord;

/// The service.
pub struct Logs {
    store: LogStore,
    state: Store,
    clock: Clock,
    queries: Queries,
    tails: Arc<Semaphore>,
    /// Held from reading what is set of a group until it is written.
    settings: Mutex<()>,
}

impl Logs {
    pub fn new(store: LogStore, state: Store, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            store,
            state,
            queries: Queries::new(clock.clone()),
            tails: Arc::new(Semaphore::new(LOG_TAILS_AT_ONCE)),
            clock,
            settings: Mutex::new(()),
        })
    }

    /// Registers the tables of this service.
    pub fn schema(schema: Schema) -> Schema {
        schema.table::<QueryDefinitionRecord>()
    }
}
