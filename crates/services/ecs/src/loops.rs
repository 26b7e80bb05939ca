//! One file a loop.

mod archive;
mod daemon_guard;
mod delete_definitions;
mod expire_tokens;
mod lost_node;
mod place_waiting;
pub(crate) mod service_scheduler;

pub use service_scheduler::rehearsal;

use std::sync::Arc;

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
        let run = |name, future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            self.clock.spawn(name, future)
        };
        let (store, clock) = (&self.store, &self.clock);
        vec![
            run(
                "link-dispatch",
                Box::pin(link::dispatch(Arc::clone(self), shutdown.clone())),
            ),
            run(
                "link-connections",
                Box::pin(link::write_owed(Arc::clone(self), shutdown.clone())),
            ),
            run(
                "place-waiting",
                Box::pin(kit::loops::run(
                    place_waiting::PlaceWaiting(Arc::clone(self)),
                    store.clone(),
                    clock.clone(),
                    shutdown.clone(),
                )),
            ),
            run(
                "service-scheduler",
                Box::pin(kit::loops::run(
                    service_scheduler::ServiceScheduler::new(Arc::clone(self)),
                    store.clone(),
                    clock.clone(),
                    shutdown.clone(),
                )),
            ),
            run(
                "archive",
                Box::pin(kit::loops::run(
                    archive::Archive::new(Arc::clone(self)),
                    store.clone(),
                    clock.clone(),
                    shutdown.clone(),
                )),
            ),
            run(
                "lost-node",
                Box::pin(kit::loops::run(
                    lost_node::LostNode(Arc::clone(self)),
                    store.clone(),
                    clock.clone(),
                    shutdown.clone(),
                )),
            ),
            run(
                "daemon-guard",
                Box::pin(kit::loops::run(
                    daemon_guard::DaemonGuard(Arc::clone(self)),
                    store.clone(),
                    clock.clone(),
                    shutdown.clone(),
                )),
            ),
            run(
                "delete-definitions",
                Box::pin(kit::loops::run(
                    delete_definitions::DeleteDefinitions(Arc::clone(self)),
                    store.clone(),
                    clock.clone(),
                    shutdown.clone(),
                )),
            ),
            run(
                "expire-tokens",
                Box::pin(kit::loops::run(
                    expire_tokens::ExpireTokens(Arc::clone(self)),
                    store.clone(),
                    clock.clone(),
                    shutdown.clone(),
                )),
            ),
        ]
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
