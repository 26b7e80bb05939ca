//! Deployments in the history, each as it was last.

use clock::UnixMillis;
use history::Entry;
use serde::{Deserialize, Serialize};
use service_ecs::records::{DeploymentRecord, ServiceRecord};
use state::{Change, Head};

/// A deployment as the history keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub id: String,
    pub cluster: String,
    pub service: String,
    /// `family:revision`.
    pub task_definition: String,
    pub desired_count: i32,
    pub rollout_state: String,
    pub rollout_state_reason: String,
    pub failed_tasks: i32,
    pub created_at: UnixMillis,
    pub updated_at: UnixMillis,
}

/// The deployments of a service that a change made or altered.
pub(crate) fn of_change(change: &Change) -> Vec<Entry> {
    let Some((before, Some(after))) = change.of::<ServiceRecord>() else {
        return vec![];
    };
    let known: Vec<Entry> = before.map(entries).unwrap_or_default();
    let mut changed = entries(after);
    changed.retain(|entry| !known.contains(entry));
    changed
}

/// All that the tables hold: the history takes those that it has already for nothing.
pub(crate) fn all(head: &Head) -> Vec<Entry> {
    head.scan::<ServiceRecord>("")
        .flat_map(|service| entries(service))
        .collect()
}

fn entries(service: &ServiceRecord) -> Vec<Entry> {
    service
        .deployments
        .iter()
        .map(|deployment| entry(service, deployment))
        .collect()
}

fn entry(service: &ServiceRecord, deployment: &DeploymentRecord) -> Entry {
    let spec = &deployment.task_spec;
    let kept = Deployment {
        id: deployment.id.clone(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        task_definition: format!("{}:{}", spec.family, spec.revision),
        desired_count: deployment.desired_count,
        rollout_state: deployment.rollout_state.as_str().to_owned(),
        rollout_state_reason: deployment.rollout_state_reason.clone(),
        failed_tasks: deployment.failed_tasks,
        created_at: deployment.created_at,
        updated_at: deployment.updated_at,
    };
    let ServiceRecord {
        account,
        region,
        cluster,
        name,
        ..
    } = service;
    Entry {
        key: format!("{account}/{region}/{cluster}/{name}/{}", deployment.id),
        at: deployment.created_at,
        payload: crate::record_events::encode(&kept),
    }
}
