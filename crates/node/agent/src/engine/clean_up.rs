//! The end of a task: its logs are shipped, then everything of it goes.

use std::path::Path;
use std::time::Duration;

use state::StateError;

use super::driver::Driver;
use super::sandbox;
use super::spec::container_id;
use crate::node::Node;
use crate::records::{LogCursorRecord, TaskRecord};

/// How long the end of a log may wait for the server (as long as a STOPPED that cannot be sent, agent protocol §5.2).
const LOGS_PATIENCE: Duration = Duration::from_secs(72 * 3600);
/// Deletions that failed are tried again; what is busy now is not for long.
const REMOVE_TRIES: u32 = 5;
const REMOVE_RETRY_PAUSE: Duration = Duration::from_millis(500);

impl Driver {
    pub(super) async fn clean_up(mut self) -> Result<(), StateError> {
        let mut shippers: Vec<_> = self
            .containers
            .iter_mut()
            .flat_map(|live| live.shippers.drain(..))
            .collect();
        let shipped = async {
            for shipper in &mut shippers {
                let _ = (&mut shipper.0).await;
            }
        };
        if self
            .node
            .clock
            .timeout(LOGS_PATIENCE, shipped)
            .await
            .is_err()
        {
            tracing::warn!(
                task = self.record.id,
                "the end of the task's logs could not be shipped"
            );
        }
        let ids = container_ids(&self.record);
        remove_task(&self.node, &self.record.id, &ids).await;
        self.node.telemetry.set(&self.record.id, None);
        let (id, store) = (self.record.id.clone(), &self.node.store);
        let deleted = store.transact(|tx| {
            for id in &ids {
                tx.delete::<LogCursorRecord>(id);
            }
            tx.delete::<TaskRecord>(&id);
            Ok::<_, StateError>(())
        });
        deleted.map(|committed| committed.head())
    }
}

/// Every container that the task may have had, restarts included.
pub fn container_ids(record: &TaskRecord) -> Vec<String> {
    let mut ids = Vec::new();
    for (index, (payload, known)) in record
        .payload
        .containers
        .iter()
        .zip(&record.containers)
        .enumerate()
    {
        let name = payload.name.as_deref().unwrap_or_default();
        ids.extend(
            (0..=known.restarts).map(|restarts| container_id(&record.id, index, name, restarts)),
        );
    }
    if sandbox::is_needed(&record.payload) {
        ids.push(sandbox::id(&record.id));
    }
    ids
}

/// Takes away what runtime, network and files hold of a task. What resists is left to the sweep of the next start.
pub async fn remove_task(node: &Node, task_id: &str, container_ids: &[String]) {
    for id in container_ids {
        for attempt in 1..=REMOVE_TRIES {
            match node.runtime.remove(id).await {
                Ok(()) => break,
                Err(error) if attempt == REMOVE_TRIES => {
                    tracing::warn!(%error, id, "the container stays for now")
                }
                Err(_) => node.clock.sleep(REMOVE_RETRY_PAUSE).await,
            }
        }
    }
    if let Err(error) = node.network.teardown(task_id).await {
        tracing::warn!(%error, task_id, "the task's network stays for now");
    }
    if let Err(error) = node.runtime.remove_task_group(task_id).await {
        tracing::warn!(%error, task_id, "the task's control group stays for now");
    }
    remove_directory(&node.task_directory(task_id));
}

pub fn remove_directory(path: &Path) {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "a task's files stay for now");
        }
        _ => {}
    }
}
