//! Ends the tasks of a node that will not report again: one that is INACTIVE, or whose agent has been away for longer than
//! the operator waits. Should it come back, its agent is told to stop what it still runs.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use clock::UnixMillis;
use ecs_rules::{
    node::{Presence, presence},
    task_state::stop_code,
};
use kit::{Loop, LoopError, Next};
use state::{Change, Head, Record, StateError};

use crate::{
    Ecs,
    loops::ROWS_AT_ONCE,
    records::{Capacity, ContainerInstanceRecord, ContainerInstanceStatus, TaskRecord, TaskStatus},
    tasks,
};

/// Keyed by container instance.
pub(super) struct LostNode(pub Arc<Ecs>);

impl Loop for LostNode {
    const NAME: &'static str = "lost-node";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        let Some((before, after)) = change.of::<ContainerInstanceRecord>() else {
            return;
        };
        let matters = |node: &ContainerInstanceRecord| (node.status, node.connection);
        if before.map(matters) != after.map(matters) {
            keys.insert(change.key.to_string());
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        head.scan::<ContainerInstanceRecord>("")
            .filter(|node| is_inactive(node) || !node.connection.connected)
            .map(|node| node.key())
            .filter(|key| head.index_len::<TaskRecord>("by_container_instance", key) > 0)
            .collect()
    }

    async fn reconcile(&self, key: &str) -> Result<Next, LoopError> {
        let now = self.0.clock.now();
        let (fate, tasks) = self.look(key, now).head();
        if let Fate::Alive(next) = fate {
            return Ok(next);
        }
        for keys in tasks.chunks(ROWS_AT_ONCE) {
            let done = self.0.store.transact(|tx| {
                // The node may be back since the last chunk, and then its tasks are as alive as it says.
                let node = tx.get::<ContainerInstanceRecord>(key);
                if let Fate::Gone(reason) = self.fate(key, node.as_deref(), now) {
                    for key in keys {
                        tasks::abandon(tx, key, stop_code::INFRASTRUCTURE_HEALTH, &reason, now);
                    }
                }
                Ok::<_, StateError>(())
            })?;
            done.head();
        }
        Ok(Next::OnChange)
    }
}

/// What is to become of a node's tasks.
enum Fate {
    Alive(Next),
    /// With the reason that users read.
    Gone(String),
}

impl LostNode {
    /// The node's fate, and the keys of its tasks that are not STOPPED.
    fn look(&self, key: &str, now: UnixMillis) -> state::Committed<(Fate, Vec<String>)> {
        self.0.store.read(|head| {
            let node = head.get::<ContainerInstanceRecord>(key);
            let tasks = head.index::<TaskRecord>("by_container_instance", key);
            let living = tasks
                .iter()
                .filter(|task| task.last_status != TaskStatus::Stopped);
            let fate = self.fate(key, node.as_deref(), now);
            (fate, living.map(|task| task.key()).collect())
        })
    }

    fn fate(&self, key: &str, node: Option<&ContainerInstanceRecord>, now: UnixMillis) -> Fate {
        let id = key.rsplit('/').next().unwrap_or_default();
        let Some(node) = node.filter(|node| !is_inactive(node)) else {
            return Fate::Gone(format!("Container instance {id} was deregistered."));
        };
        let lost_after = self.0.config.node_lost_after;
        let (connected, since) = (node.connection.connected, node.connection.changed_at);
        match presence(connected, since, lost_after, now) {
            Presence::Here | Presence::Away { lost_at: None } => Fate::Alive(Next::OnChange),
            Presence::Away {
                lost_at: Some(lost_at),
            } => Fate::Alive(Next::At(lost_at)),
            Presence::Lost => Fate::Gone(lost_reason(node, lost_after.unwrap_or_default())),
        }
    }
}

/// Nobody sees the nodes behind Fargate, so they have no name there.
fn lost_reason(node: &ContainerInstanceRecord, patience: Duration) -> String {
    let who = match node.capacity {
        Capacity::Serverless => "The host of the task".to_owned(),
        Capacity::ContainerInstance => format!("Container instance {}", node.id),
    };
    let seconds = patience.as_secs();
    format!("{who} was lost: its agent has been disconnected for {seconds} seconds.")
}

fn is_inactive(node: &ContainerInstanceRecord) -> bool {
    node.status == ContainerInstanceStatus::Inactive
}
