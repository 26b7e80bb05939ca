//! What happened, as the tables tell it: tasks, nodes, services, deployments. Pure.
//!
//! Most events follow from a record alone, with their time and an id that is always the same. So what was missed (the
//! server was killed before it had written it down) is found again by looking at the records. A few are seen only while
//! they happen: they have no time in the record.

use std::collections::HashSet;

use clock::UnixMillis;
use ecs_rules::task_state::stop_code;
use serde::{Deserialize, Serialize};
use service_ecs::records::{
    Capacity, ContainerInstanceRecord, ContainerInstanceStatus, DeploymentRecord, HealthStatus,
    RolloutState, ServiceEventRecord, ServiceRecord, ServiceStatus, TaskRecord, TaskStatus,
};
use state::{Change, Head, Record};

use crate::NodeRecord;

/// More are not written down afterwards.
const MISSING_AT_MOST: usize = 200_000;

/// One event. What it is of is said by `resource`, an ARN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// The same whenever the same thing is seen.
    pub id: String,
    pub at: UnixMillis,
    pub source: Source,
    pub account: String,
    pub region: String,
    /// Empty for serverless nodes, which serve every cluster.
    pub cluster: String,
    pub service: Option<String>,
    pub resource: String,
    /// The new status of what it is of; service events have none.
    pub status: Option<String>,
    pub message: String,
    /// What ECS tells EventBridge of the same thing, JSON; so far of Spot interruptions.
    #[serde(default)]
    pub event_bridge: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    Deployment,
    Node,
    Service,
    Task,
}

/// Whether a change may be an event, so that others need no look at the tables.
pub(crate) fn concerns(change: &Change) -> bool {
    [
        TaskRecord::TABLE,
        ServiceRecord::TABLE,
        ServiceEventRecord::TABLE,
        ContainerInstanceRecord::TABLE,
    ]
    .contains(&change.table)
}

/// What a change tells that was not told before.
pub(crate) fn of_change(head: &Head, change: &Change, now: UnixMillis) -> Vec<Event> {
    if let Some((before, after)) = change.of::<TaskRecord>() {
        return news(
            before,
            after,
            |task| of_task(head, task),
            || task_health(before?, after?, now),
        );
    }
    if let Some((before, after)) = change.of::<ServiceEventRecord>() {
        return news(
            before,
            after,
            |event| vec![of_service_event(event)],
            || None,
        );
    }
    if let Some((before, after)) = change.of::<ServiceRecord>() {
        return news(before, after, of_service, || {
            desired_count(before?, after?, now)
        });
    }
    if let Some((before, after)) = change.of::<ContainerInstanceRecord>() {
        return news(
            before,
            after,
            |node| of_node(head, node),
            || node_status(head, before?, after?, now),
        );
    }
    vec![]
}

/// What the records tell from a time on and is not known yet, in the order of time; of very much the newest.
pub(crate) fn missing(head: &Head, since: UnixMillis, known: &HashSet<String>) -> Vec<Event> {
    let tasks = head.scan::<TaskRecord>("");
    let services = head.scan::<ServiceRecord>("");
    let told = head.scan::<ServiceEventRecord>("");
    let nodes = head.scan::<ContainerInstanceRecord>("");
    let mut events: Vec<Event> = tasks
        .flat_map(|task| of_task(head, task))
        .chain(services.flat_map(|service| of_service(service)))
        .chain(told.map(|event| of_service_event(event)))
        .chain(nodes.flat_map(|node| of_node(head, node)))
        .filter(|event| event.at >= since && !known.contains(&event.id))
        .collect();
    events.sort_by_key(|event| event.at);
    events.drain(..events.len().saturating_sub(MISSING_AT_MOST));
    events
}

/// What people call a node: the name it joined under, or the beginning of its id.
pub(crate) fn node_name(head: &Head, container_instance_key: &str) -> Option<String> {
    let node = head.get::<ContainerInstanceRecord>(container_instance_key)?;
    Some(name_of(head, &node))
}

pub(crate) fn name_of(head: &Head, node: &ContainerInstanceRecord) -> String {
    let joined = head.index::<NodeRecord>("by_node_id", &node.node_id);
    let name = joined.first().map(|joined| joined.name.clone());
    name.unwrap_or_else(|| node.id.chars().take(12).collect())
}

/// Those of the record as it is, without those of the record as it was; and what only the step between them tells.
fn news<R>(
    before: Option<&R>,
    after: Option<&R>,
    told_by: impl Fn(&R) -> Vec<Event>,
    told_by_step: impl Fn() -> Option<Event>,
) -> Vec<Event> {
    let Some(after) = after else {
        return vec![];
    };
    let known = before.map(&told_by).unwrap_or_default();
    let mut events = told_by(after);
    events.retain(|event| known.iter().all(|known| known.id != event.id));
    events.extend(told_by_step());
    events
}

fn of_task(head: &Head, task: &TaskRecord) -> Vec<Event> {
    let what = format!("{}:{}", task.family, task.revision);
    let node = task
        .container_instance_key
        .as_ref()
        .and_then(|key| node_name(head, key));
    let mut events = vec![];
    let mut add = |status: &str, at: Option<UnixMillis>, message: String| {
        events.extend(at.map(|at| task_event(task, status, at, message)));
    };
    let place = match &node {
        Some(node) => format!("{what} goes to {node}"),
        None => format!("{what} waits for a node"),
    };
    let place = match why_there(head, task) {
        Some(why) => format!("{place}: {why}"),
        None => place,
    };
    add("PROVISIONING", Some(task.created_at), place);
    let runs = match &node {
        Some(node) => format!("{what} runs on {node}"),
        None => format!("{what} runs"),
    };
    add("RUNNING", task.started_at, runs);
    let reason = task.stopped_reason.clone().unwrap_or_default();
    add("STOPPING", task.stopping_at, reason.clone());
    add("STOPPED", task.stopped_at, how_it_ended(task, reason));
    if task.stop_code.as_deref() == Some(stop_code::SPOT_INTERRUPTION)
        && task.last_status != TaskStatus::Stopped
    {
        let warning = events
            .iter_mut()
            .filter(|event| event.status.as_deref() == Some("STOPPING"));
        for event in warning {
            let told = service_ecs::events::task_state_change(task, &event.id, event.at);
            event.event_bridge = Some(told);
        }
    }
    events
}

/// How it was placed, where there was a choice or no node at all.
fn why_there(head: &Head, task: &TaskRecord) -> Option<String> {
    let explained = task.placement.as_ref()?;
    if explained.considered == 1 && explained.fitting == 1 {
        return None;
    }
    let cluster = match task.launch_type.as_str() {
        "FARGATE" => "",
        _ => task.cluster.as_str(),
    };
    let name = |id: &str| {
        let key = ContainerInstanceRecord::key_of(&task.account, &task.region, cluster, id);
        node_name(head, &key).unwrap_or_else(|| id.to_owned())
    };
    Some(explained.sentences(&[], name).join("; "))
}

/// The reason of the stop, and what each container ended with that did not end well.
fn how_it_ended(task: &TaskRecord, reason: String) -> String {
    let mut parts: Vec<String> = Some(reason)
        .filter(|text| !text.is_empty())
        .into_iter()
        .collect();
    for container in &task.containers {
        match (&container.reason, container.exit_code) {
            (Some(reason), _) => parts.push(format!("{}: {reason}", container.name)),
            (None, Some(code)) if code != 0 => {
                parts.push(format!("{}: exit code {code}", container.name));
            }
            _ => {}
        }
    }
    parts.join("; ")
}

fn task_event(task: &TaskRecord, status: &str, at: UnixMillis, message: String) -> Event {
    Event {
        id: format!("{}/{status}", task.id),
        at,
        source: Source::Task,
        account: task.account.clone(),
        region: task.region.clone(),
        cluster: task.cluster.clone(),
        service: task.service.clone(),
        resource: task.arn(),
        status: Some(status.to_owned()),
        message,
        event_bridge: None,
    }
}

fn task_health(before: &TaskRecord, after: &TaskRecord, now: UnixMillis) -> Option<Event> {
    if before.health == after.health {
        return None;
    }
    let (status, text) = match after.health {
        HealthStatus::Healthy => ("HEALTHY", "its health checks pass"),
        HealthStatus::Unhealthy => ("UNHEALTHY", "its health checks fail"),
        HealthStatus::Unknown => return None,
    };
    let mut event = task_event(after, status, now, text.to_owned());
    event.id = format!("{}/{}", event.id, after.version);
    Some(event)
}

fn of_service_event(event: &ServiceEventRecord) -> Event {
    let scope = names::Scope::new(&event.account, &event.region);
    Event {
        id: event.id.clone(),
        at: event.created_at,
        source: Source::Service,
        account: event.account.clone(),
        region: event.region.clone(),
        cluster: event.cluster.clone(),
        service: Some(event.service.clone()),
        resource: scope.service(&event.cluster, &event.service),
        status: None,
        message: event.message.clone(),
        event_bridge: None,
    }
}

fn of_service(service: &ServiceRecord) -> Vec<Event> {
    let created = service.created_at;
    let mut events = vec![service_event(
        service,
        "ACTIVE",
        created,
        format!(
            "service {} was created with desired count {}",
            service.name, service.desired_count
        ),
    )];
    if service.status == ServiceStatus::Inactive {
        let text = format!("service {} is gone", service.name);
        events.push(service_event(service, "INACTIVE", service.updated_at, text));
    }
    for deployment in &service.deployments {
        events.extend(of_deployment(service, deployment));
    }
    events
}

fn service_event(service: &ServiceRecord, status: &str, at: UnixMillis, message: String) -> Event {
    Event {
        // A service may be made again under its name.
        id: format!("{}/{status}/{}", service.arn(), service.created_at),
        at,
        source: Source::Service,
        account: service.account.clone(),
        region: service.region.clone(),
        cluster: service.cluster.clone(),
        service: Some(service.name.clone()),
        resource: service.arn(),
        status: Some(status.to_owned()),
        message,
        event_bridge: None,
    }
}

fn desired_count(before: &ServiceRecord, after: &ServiceRecord, now: UnixMillis) -> Option<Event> {
    if before.desired_count == after.desired_count || before.created_at != after.created_at {
        return None;
    }
    let text = format!(
        "desired count of service {} changed from {} to {}",
        after.name, before.desired_count, after.desired_count
    );
    let mut event = service_event(after, after.status.as_str(), now, text);
    event.id = format!("{}/{}", event.id, after.version);
    Some(event)
}

fn of_deployment(service: &ServiceRecord, deployment: &DeploymentRecord) -> Vec<Event> {
    let event = |status: &str, at, message| Event {
        id: format!("{}/{}/{status}", service.arn(), deployment.id),
        source: Source::Deployment,
        ..service_event(service, status, at, message)
    };
    let what = format!(
        "{}:{}",
        deployment.task_spec.family, deployment.task_spec.revision
    );
    let began = format!("(deployment {}) of {what} began", deployment.id);
    let mut events = vec![event("IN_PROGRESS", deployment.created_at, began)];
    if deployment.rollout_state != RolloutState::InProgress {
        let state = deployment.rollout_state.as_str();
        let reason = deployment.rollout_state_reason.clone();
        events.push(event(state, deployment.updated_at, reason));
    }
    events
}

fn of_node(head: &Head, node: &ContainerInstanceRecord) -> Vec<Event> {
    let what = match node.capacity {
        Capacity::Serverless => "Fargate capacity",
        Capacity::ContainerInstance => "a container instance",
    };
    let name = name_of(head, node);
    let registered = format!("{name} registered as {what}");
    let mut events = vec![node_event(
        node,
        "REGISTERED",
        node.registered_at,
        registered,
    )];
    let changed_at = node.connection.changed_at;
    let is_gone = node.status == ContainerInstanceStatus::Inactive;
    if node.connection.connected {
        let text = format!("the agent of {name} connected");
        events.push(node_event(node, "CONNECTED", changed_at, text));
    } else if changed_at > node.registered_at && !is_gone {
        let text = format!("the agent of {name} is disconnected");
        events.push(node_event(node, "DISCONNECTED", changed_at, text));
    }
    if let Some(at) = node.deregistered_at {
        let text = format!("{name} was deregistered");
        events.push(node_event(node, "DEREGISTERED", at, text));
    }
    events
}

fn node_event(
    node: &ContainerInstanceRecord,
    status: &str,
    at: UnixMillis,
    message: String,
) -> Event {
    Event {
        // A node comes and goes.
        id: format!("{}/{status}/{at}", node.id),
        at,
        source: Source::Node,
        account: node.account.clone(),
        region: node.region.clone(),
        cluster: node.cluster.clone(),
        service: None,
        resource: node.arn(),
        status: Some(status.to_owned()),
        message,
        event_bridge: None,
    }
}

fn node_status(
    head: &Head,
    before: &ContainerInstanceRecord,
    after: &ContainerInstanceRecord,
    now: UnixMillis,
) -> Option<Event> {
    let is_gone = after.status == ContainerInstanceStatus::Inactive;
    if before.status == after.status || is_gone {
        return None;
    }
    let status = after.status.as_str();
    let text = format!("{} is {status}", name_of(head, after));
    Some(node_event(after, status, now, text))
}
