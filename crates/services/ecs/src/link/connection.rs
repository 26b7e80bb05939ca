//! Whether a container instance's agent is connected: the tables say what the sessions are.

use std::{sync::Arc, time::Duration};

use state::StateError;
use tokio::sync::watch;

use crate::{
    Ecs,
    records::{AgentConnection, ContainerInstanceRecord, ContainerInstanceStatus},
};

/// How often what could not be written is tried again.
const WRITE_AGAIN_EVERY: Duration = Duration::from_secs(1);

/// Writes down whether the instance has a session now. Loops act on the head, so nothing waits for this to be durable.
///
/// What cannot be written, because the disk is full, is owed to [`write_owed`].
pub(super) fn note(ecs: &Ecs, instance: &str) {
    let connected = ecs.sessions.is_open(instance);
    if let Err(error) = write(ecs, instance, connected) {
        tracing::warn!(%error, instance, connected, "an agent's connection cannot be noted yet");
        ecs.sessions.owe(instance);
    }
}

/// Writes what [`note`] could not, until shutdown.
pub(crate) async fn write_owed(ecs: Arc<Ecs>, mut shutdown: watch::Receiver<bool>) {
    let writing = async {
        loop {
            ecs.sessions.until_owing().await;
            ecs.clock.sleep(WRITE_AGAIN_EVERY).await;
            for instance in ecs.sessions.take_owed() {
                note(&ecs, &instance);
            }
        }
    };
    tokio::select! {
        biased;
        _ = shutdown.wait_for(|stopping| *stopping) => {}
        () = writing => {}
    }
}

fn write(ecs: &Ecs, instance: &str, connected: bool) -> Result<(), StateError> {
    let now = ecs.clock.now();
    let done = ecs.store.transact(|tx| {
        tx.update::<ContainerInstanceRecord>(instance, |record| {
            let may_connect = record.status != ContainerInstanceStatus::Inactive;
            record.connection = AgentConnection {
                connected: connected && may_connect,
                changed_at: now,
            };
            record.version += 1;
        });
        Ok::<_, StateError>(())
    });
    done.map(drop)
}
