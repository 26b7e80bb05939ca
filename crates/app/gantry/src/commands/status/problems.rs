//! What is wrong, and what to do next. Pure: a function of what was seen.

use api_ecs::types::{Deployment, DeploymentRolloutState, Service};
use api_gantry::types::{Node, NodeCapacity};

use super::gather::Snapshot;

/// Less is told as a problem: logs, images and state need room.
const DISK_BYTES_LOW: i64 = 1024 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub what: String,
    /// A command, or what to do.
    pub next: String,
}

pub fn find(seen: &Snapshot) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(disk(seen));
    problems.extend(no_nodes(seen));
    problems.extend(seen.nodes.iter().filter_map(node));
    problems.extend(seen.services.iter().filter_map(service));
    problems
}

fn disk(seen: &Snapshot) -> Option<Problem> {
    let left = seen.server.disk_bytes_available?;
    (left < DISK_BYTES_LOW).then(|| Problem {
        what: format!(
            "the server's disk has {} MiB left: when it is full, nothing can be changed",
            left / (1024 * 1024)
        ),
        next: "free some room, or give --history-days a smaller number".into(),
    })
}

fn no_nodes(seen: &Snapshot) -> Option<Problem> {
    seen.nodes.is_empty().then(|| Problem {
        what: "there is no node, so no task can run".into(),
        next: "start one on this machine or another: gantry agent --endpoint URL --join-credentials FILE (docs/node.md)"
            .into(),
    })
}

fn node(node: &Node) -> Option<Problem> {
    let name = node.node_name.as_deref().unwrap_or_default();
    if node.agent_connected == Some(true) {
        return None;
    }
    let tasks = node.running_tasks.unwrap_or_default() + node.pending_tasks.unwrap_or_default();
    let kept = match tasks {
        0 => "it gets no tasks".to_owned(),
        1 => "its task is not heard of".to_owned(),
        tasks => format!("its {tasks} tasks are not heard of"),
    };
    let next = match (&node.capacity, &node.container_instance_arn) {
        (Some(capacity), Some(arn)) if *capacity == NodeCapacity::CONTAINER_INSTANCE => format!(
            "start `gantry agent` there again; if it is gone for good: aws ecs deregister-container-instance --force --cluster {} --container-instance {arn}",
            node.cluster.as_deref().unwrap_or("default")
        ),
        _ => "start `gantry agent` (or `gantry up`) there again".to_owned(),
    };
    Some(Problem {
        what: format!("the agent of node {name} is not connected: {kept}"),
        next,
    })
}

fn service(service: &Service) -> Option<Problem> {
    let name = service.service_name.as_deref().unwrap_or_default();
    let cluster = cluster_of(service);
    let desired = service.desired_count.unwrap_or_default();
    let running = service.running_count.unwrap_or_default();
    let primary = primary(service);
    let state = primary.and_then(|primary| primary.rollout_state.as_ref());
    let failed = primary
        .and_then(|primary| primary.failed_tasks)
        .unwrap_or(0);
    let events = format!("gantry events --cluster {cluster} --service {name}");
    if state == Some(&DeploymentRolloutState::FAILED) {
        let reason = primary.and_then(|primary| primary.rollout_state_reason.clone());
        return Some(Problem {
            what: format!(
                "the deployment of service {cluster}/{name} failed: {}",
                reason.unwrap_or_default()
            ),
            next: events,
        });
    }
    if running >= desired {
        return None;
    }
    let starts = service.pending_count.unwrap_or_default();
    // A rollout on its way is none, unless its tasks fail or nothing starts.
    if starts > 0 && failed == 0 {
        return None;
    }
    let reason = service.events.iter().flatten().next();
    let reason = reason.and_then(|event| event.message.as_deref());
    let lately = match (failed, reason) {
        (0, Some(reason)) => format!(": {reason}"),
        (0, None) => String::new(),
        (1, _) => ": a task of its deployment failed".to_owned(),
        (failed, _) => format!(": {failed} tasks of its deployment failed"),
    };
    let next = match failed {
        0 => events,
        _ => format!("gantry history tasks --cluster {cluster} --service {name} --limit 5"),
    };
    Some(Problem {
        what: format!("service {cluster}/{name} runs {running} of {desired} tasks{lately}"),
        next,
    })
}

pub fn primary(service: &Service) -> Option<&Deployment> {
    let mut deployments = service.deployments.iter().flatten();
    deployments.find(|deployment| deployment.status.as_deref() == Some("PRIMARY"))
}

/// Last part of the cluster's ARN.
pub fn cluster_of(service: &Service) -> &str {
    let arn = service.cluster_arn.as_deref().unwrap_or_default();
    arn.rsplit('/').next().unwrap_or_default()
}
