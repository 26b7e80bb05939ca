//! `gantry status`: server, nodes, clusters and services at a glance; what is wrong, and what to do next.

mod gather;
mod problems;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use api_ecs::types::{Cluster, Service};
use api_gantry::types::{Node, NodeCapacity};
use clock::{Clock, UnixMillis};
use serde_json::{Value, json};
use wire::Timestamp;

use super::events::colour;
use crate::{
    arguments::{Global, Output},
    connect,
    output::{self, Cell, Colour},
};
use gather::Snapshot;
pub use gather::nodes;
use problems::{Problem, cluster_of, primary};

const MIB: i64 = 1024 * 1024;

pub async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let seen = Snapshot::take(&client).await?;
    match global.output {
        Output::Json => output::json(&as_json(&seen)),
        Output::Table => print!("{}", text(&seen, Clock::system().now())),
    }
    Ok(ExitCode::SUCCESS)
}

fn text(seen: &Snapshot, now: UnixMillis) -> String {
    let mut parts = vec![server(seen, now)];
    if !seen.nodes.is_empty() {
        let headings = ["node", "capacity", "status", "cpu", "memory", "tasks"];
        parts.push(output::rows(
            &headings,
            seen.nodes.iter().map(node_row).collect(),
        ));
    }
    let headings = ["cluster", "tasks", "services", "instances"];
    let clusters = seen.clusters.iter().map(cluster_row).collect();
    parts.push(output::rows(&headings, clusters));
    if !seen.services.is_empty() {
        let headings = ["service", "tasks", "definition", "deployment"];
        let services = seen.services.iter().map(service_row).collect();
        parts.push(output::rows(&headings, services));
    }
    parts.push(wrong(&problems::find(seen)));
    parts.join("\n")
}

fn server(seen: &Snapshot, now: UnixMillis) -> String {
    let server = &seen.server;
    let up = server.started_at.map(|at| {
        let at = UnixMillis::from_seconds_f64(at.as_seconds_f64());
        output::age(at, now)
    });
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "Gantry {} at {}, up {}, account {}, region {}\n{} MiB of memory, {:.1} GiB left on disk, history of {} days\n",
        text(&server.version),
        text(&server.endpoint),
        up.unwrap_or_default(),
        text(&server.account),
        text(&server.region),
        server.resident_memory_bytes.unwrap_or_default() / MIB,
        server.disk_bytes_available.unwrap_or_default() as f64 / (1024 * MIB) as f64,
        server.history_days.unwrap_or_default(),
    )
}

fn node_row(node: &Node) -> Vec<Cell> {
    let (status, colour) = standing(node);
    vec![
        node.node_name.clone().unwrap_or_default().into(),
        capacity(node).into(),
        Cell::new(status, colour),
        held(node.reserved_cpu_units, node.cpu_units, "").into(),
        held(node.reserved_memory_mib, node.memory_mib, " MiB").into(),
        tasks(node.running_tasks, node.pending_tasks).into(),
    ]
}

fn cluster_row(cluster: &Cluster) -> Vec<Cell> {
    let count = |count: Option<i32>| Cell::from(count.unwrap_or_default().to_string());
    vec![
        cluster.cluster_name.clone().unwrap_or_default().into(),
        tasks(cluster.running_tasks_count, cluster.pending_tasks_count).into(),
        count(cluster.active_services_count),
        count(cluster.registered_container_instances_count),
    ]
}

fn service_row(service: &Service) -> Vec<Cell> {
    let (running, desired) = (
        service.running_count.unwrap_or_default(),
        service.desired_count.unwrap_or_default(),
    );
    let name = service.service_name.as_deref().unwrap_or_default();
    let is_short = if running < desired {
        Colour::Yellow
    } else {
        Colour::Plain
    };
    let state = deployment(service);
    vec![
        format!("{}/{name}", cluster_of(service)).into(),
        Cell::new(format!("{running}/{desired}"), is_short),
        definition(service).into(),
        Cell::new(&state, colour(&state)),
    ]
}

/// The state of the newest deployment; a service that goes says that instead.
fn deployment(service: &Service) -> String {
    let status = service.status.as_deref().unwrap_or_default();
    let state = primary(service).and_then(|primary| primary.rollout_state.as_ref());
    match state {
        Some(state) if status == "ACTIVE" => state.as_str().to_owned(),
        _ => status.to_owned(),
    }
}

fn definition(service: &Service) -> String {
    let newest = primary(service).and_then(|primary| primary.task_definition.as_deref());
    let newest = newest.or(service.task_definition.as_deref());
    let name = newest.and_then(|arn| arn.rsplit('/').next());
    name.unwrap_or("-").to_owned()
}

fn wrong(problems: &[Problem]) -> String {
    if problems.is_empty() {
        return format!("{}\n", output::paint(Colour::Green, "Nothing is wrong."));
    }
    let head = match problems.len() {
        1 => "One thing is wrong:".to_owned(),
        count => format!("{count} things are wrong:"),
    };
    let mut text = format!("{}\n", output::paint(Colour::Red, &head));
    for problem in problems {
        text.push_str(&format!("- {}\n  next: {}\n", problem.what, problem.next));
    }
    text
}

pub fn standing(node: &Node) -> (&'static str, Colour) {
    match (node.agent_connected, node.status.as_deref()) {
        (Some(true), Some("ACTIVE")) => ("ready", Colour::Green),
        (Some(true), Some("DRAINING")) => ("draining", Colour::Yellow),
        (Some(true), _) => ("unknown", Colour::Yellow),
        _ => ("disconnected", Colour::Red),
    }
}

pub fn capacity(node: &Node) -> String {
    match &node.cluster {
        Some(cluster) if node.capacity == Some(NodeCapacity::CONTAINER_INSTANCE) => {
            format!("EC2 in {cluster}")
        }
        _ => "Fargate".to_owned(),
    }
}

fn held(reserved: Option<i64>, whole: Option<i64>, unit: &str) -> String {
    format!(
        "{}/{}{unit}",
        reserved.unwrap_or_default(),
        whole.unwrap_or_default()
    )
}

fn tasks(running: Option<i32>, pending: Option<i32>) -> String {
    match (running.unwrap_or_default(), pending.unwrap_or_default()) {
        (running, 0) => running.to_string(),
        (running, pending) => format!("{running} + {pending} pending"),
    }
}

fn as_json(seen: &Snapshot) -> Value {
    let server = &seen.server;
    let clusters: Vec<Value> = seen
        .clusters
        .iter()
        .map(|cluster| {
            json!({
                "clusterName": cluster.cluster_name,
                "runningTasksCount": cluster.running_tasks_count,
                "pendingTasksCount": cluster.pending_tasks_count,
                "activeServicesCount": cluster.active_services_count,
                "registeredContainerInstancesCount": cluster.registered_container_instances_count,
            })
        })
        .collect();
    let services: Vec<Value> = seen
        .services
        .iter()
        .map(|service| {
            json!({
                "cluster": cluster_of(service),
                "serviceName": service.service_name,
                "status": service.status,
                "runningCount": service.running_count,
                "pendingCount": service.pending_count,
                "desiredCount": service.desired_count,
                "taskDefinition": definition(service),
                "rolloutState": deployment(service),
            })
        })
        .collect();
    let problems: Vec<Value> = problems::find(seen)
        .iter()
        .map(|problem| json!({"what": problem.what, "next": problem.next}))
        .collect();
    json!({
        "server": {
            "version": server.version,
            "endpoint": server.endpoint,
            "account": server.account,
            "region": server.region,
            "startedAt": server.started_at.map(Timestamp::as_seconds_f64),
            "stateRevision": server.state_revision,
            "durableRevision": server.durable_revision,
            "residentMemoryBytes": server.resident_memory_bytes,
            "diskBytesAvailable": server.disk_bytes_available,
            "historyDays": server.history_days,
        },
        "nodes": seen.nodes.iter().map(node_json).collect::<Vec<_>>(),
        "clusters": clusters,
        "services": services,
        "problems": problems,
    })
}

pub fn node_json(node: &Node) -> Value {
    json!({
        "nodeName": node.node_name,
        "containerInstanceArn": node.container_instance_arn,
        "capacity": node.capacity.as_ref().map(NodeCapacity::as_str),
        "cluster": node.cluster,
        "status": node.status,
        "agentConnected": node.agent_connected,
        "availabilityZone": node.availability_zone,
        "agentVersion": node.agent_version,
        "cpuUnits": node.cpu_units,
        "memoryMib": node.memory_mib,
        "reservedCpuUnits": node.reserved_cpu_units,
        "reservedMemoryMib": node.reserved_memory_mib,
        "runningTasks": node.running_tasks,
        "pendingTasks": node.pending_tasks,
        "measuredTasks": node.measured_tasks,
        "usedCpuPercent": node.used_cpu_percent,
        "usedMemoryMib": node.used_memory_mib,
    })
}
