//! CloudWatch Logs over the log store: groups, streams, events, and searching by plain terms.

mod answer;
mod events;
mod group;
mod operations;
mod pattern;
mod tokens;

use std::sync::Arc;

use clock::Clock;
use log_store::LogStore;

/// The service.
pub struct Logs {
    store: LogStore,
    clock: Clock,
}

impl Logs {
    pub fn new(store: LogStore, clock: Clock) -> Arc<Self> {
        Arc::new(Self { store, clock })
    }
}
