//! One file a loop.

mod archive;
mod daemon_guard;
mod delete_definitions;
mod expire_tokens;
mod instance_lifecycle;
mod lost_node;
mod place_waiting;
pub(crate) mod service_scheduler;

pub use service_scheduler::rehearsal;

use std::sync::Arc;

use kit::loops::Loop;
use state::{Record, StateError};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    Ecs, link,
    records::{AgentConnection, ContainerInstanceRecord, ContainerInstanceStatus},
};

/// Rows that a loop changes in one transaction, with room for what goes with them.
pub(crate) const ROWS_AT_ONCE: usize = 40;

impl Ecs {
    /// Starts every loop; they end with shutdown. To be called once, and better before agents connect.
    pub fn spawn_loops(self: &Arc<Self>, shutdown: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        self.forget_connections();
        let this = || Arc::clone(self);
        let dispatch = link::dispatch(this(), shutdown.clone());
        let write_owed = link::write_owed(this(), shutdown.clone());
        vec![
            self.clock.spawn("link-dispatch", dispatch),
            self.clock.spawn("link-connections", write_owed),
            self.spawn_loop(place_waiting::PlaceWaiting(this()), shutdown),
            self.spawn_loop(service_scheduler::ServiceScheduler::new(this()), shutdown),
            self.spawn_loop(archive::Archive::new(this()), shutdown),
            self.spawn_loop(lost_node::LostNode(this()), shutdown),
            self.spawn_loop(daemon_guard::DaemonGuard(this()), shutdown),
            self.spawn_loop(instance_lifecycle::InstanceLifecycle(this()), shutdown),
            self.spawn_loop(delete_definitions::DeleteDefinitions(this()), shutdown),
            self.spawn_loop(expire_tokens::ExpireTokens(this()), shutdown),
        ]
    }

    fn spawn_loop<L: Loop>(&self, this: L, shutdown: &watch::Receiver<bool>) -> JoinHandle<()> {
        kit::loops::spawn(this, &self.store, &self.clock, shutdown)
    }

    /// A connection that the last run of the server had is none: agents come back by themselves. Nor does anyone know how long one
    /// that was away was away, so that its time begins anew.
    fn forget_connections(&self) {
        let looked = self.store.read(|head| {
            let nodes = head.scan::<ContainerInstanceRecord>("");
            let living = nodes.filter(|node| node.status != ContainerInstanceStatus::Inactive);
            living.map(|node| node.key()).collect::<Vec<_>>()
        });
        let now = self.clock.now();
        for keys in looked.head().chunks(ROWS_AT_ONCE) {
            let done = self.store.transact(|tx| {
                for key in keys {
                    tx.update::<ContainerInstanceRecord>(key, |node| {
                        node.connection = AgentConnection {
                            connected: self.sessions.is_open(key),
                            changed_at: now,
                        };
                    });
                }
                Ok::<_, StateError>(())
            });
            if let Err(error) = done {
                tracing::warn!(%error, "connections of the last run cannot be forgotten yet");
                keys.iter().for_each(|key| self.sessions.owe(key));
            }
        }
    }
}
