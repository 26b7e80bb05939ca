//! CloudWatch Logs over the log store: groups and what is set of them, streams, events, searching.

mod answer;
mod events;
mod group;
mod operations;
mod records;
mod retention;
mod tags;
mod tokens;

use std::sync::Arc;

use clock::Clock;
use log_store::LogStore;
use tokio::sync::Mutex;

/// The service.
pub struct Logs {
    store: LogStore,
    clock: Clock,
    /// Held from reading what is set of a group until it is written.
    settings: Mutex<()>,
}

impl Logs {
    pub fn new(store: LogStore, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            settings: Mutex::new(()),
        })
    }
}
