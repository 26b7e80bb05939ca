//! `gantry history`: stopped tasks, events and deployments, beyond what ECS itself remembers.

use std::process::ExitCode;

use api_gantry::{
    operations::{ListDeploymentHistory, ListTaskHistory},
    types::{
        DeploymentHistory, EventOrder, ListDeploymentHistoryRequest, ListEventsRequest,
        ListTaskHistoryRequest, TaskHistory,
    },
};
use clock::UnixMillis;
use serde_json::{Value, json};
use wire::Timestamp;

use super::events;
use crate::{
    arguments::{Global, History, HistoryOf, Output},
    connect, output, when,
};

const PAGE: i32 = 500;

pub async fn run(global: &Global, history: History) -> anyhow::Result<ExitCode> {
    match history {
        History::Tasks(of) => tasks(global, of).await,
        History::Events(of) => told(global, of).await,
        History::Deployments(of) => deployments(global, of).await,
    }
}

async fn tasks(global: &Global, of: HistoryOf) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let mut found = Vec::new();
    let mut request = ListTaskHistoryRequest {
        since: of.since.and_then(events::timestamp),
        until: of.until.and_then(events::timestamp),
        cluster: cluster(&of),
        service: of.service.clone(),
        ..ListTaskHistoryRequest::default()
    };
    while found.len() < of.limit {
        request.max_results = page(of.limit - found.len());
        let answer = client.call::<ListTaskHistory>(request.clone()).await?;
        found.extend(answer.tasks.unwrap_or_default());
        request.next_token = answer.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    if global.output == Output::Json {
        output::json(&found.iter().map(task_json).collect());
    } else if found.is_empty() {
        output::note("no task stopped in that time");
    } else {
        output::table(
            &[
                "stopped",
                "task",
                "definition",
                "group",
                "ran",
                "node",
                "reason",
            ],
            found.iter().map(task_row).collect(),
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn deployments(global: &Global, of: HistoryOf) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let mut found = Vec::new();
    let mut request = ListDeploymentHistoryRequest {
        since: of.since.and_then(events::timestamp),
        until: of.until.and_then(events::timestamp),
        cluster: cluster(&of),
        service: of.service.clone(),
        ..ListDeploymentHistoryRequest::default()
    };
    while found.len() < of.limit {
        request.max_results = page(of.limit - found.len());
        let answer = client
            .call::<ListDeploymentHistory>(request.clone())
            .await?;
        found.extend(answer.deployments.unwrap_or_default());
        request.next_token = answer.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    if global.output == Output::Json {
        output::json(&found.iter().map(deployment_json).collect());
    } else if found.is_empty() {
        output::note("no deployment began in that time");
    } else {
        output::table(
            &[
                "began",
                "service",
                "definition",
                "tasks",
                "took",
                "state",
                "reason",
            ],
            found.iter().map(deployment_row).collect(),
        );
    }
    Ok(ExitCode::SUCCESS)
}

async fn told(global: &Global, of: HistoryOf) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let request = ListEventsRequest {
        since: of.since.and_then(events::timestamp),
        until: of.until.and_then(events::timestamp),
        cluster: cluster(&of),
        service: of.service.clone(),
        order: Some(EventOrder::NEWEST_FIRST),
        ..ListEventsRequest::default()
    };
    let (found, _) = events::list(&client, request, of.limit).await?;
    if global.output == Output::Json {
        output::json(&found.iter().map(events::as_json).collect());
        return Ok(ExitCode::SUCCESS);
    }
    if found.is_empty() {
        output::note("nothing happened in that time");
    }
    for event in &found {
        events::print(global.output, event)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Names of services are those of a cluster.
fn cluster(of: &HistoryOf) -> Option<String> {
    let default = || of.service.is_some().then(|| "default".to_owned());
    of.cluster.clone().or_else(default)
}

fn page(left: usize) -> Option<i32> {
    i32::try_from(left)
        .ok()
        .map(|left| left.min(PAGE))
        .or(Some(PAGE))
}

fn task_row(task: &TaskHistory) -> Vec<String> {
    let arn = task.task_arn.as_deref().unwrap_or_default();
    let id = arn.rsplit('/').next().unwrap_or_default();
    vec![
        shown(task.stopped_at),
        id.chars().take(12).collect(),
        task.task_definition.clone().unwrap_or_default(),
        task.group.clone().unwrap_or_default(),
        between(task.started_at, task.stopped_at),
        task.node_name.clone().unwrap_or_else(|| "-".to_owned()),
        reason(task),
    ]
}

fn deployment_row(deployment: &DeploymentHistory) -> Vec<String> {
    let state = deployment.rollout_state.clone().unwrap_or_default();
    let took = match state.as_str() {
        "IN_PROGRESS" => "-".to_owned(),
        _ => between(deployment.created_at, deployment.updated_at),
    };
    vec![
        shown(deployment.created_at),
        format!(
            "{}/{}",
            deployment.cluster.as_deref().unwrap_or_default(),
            deployment.service.as_deref().unwrap_or_default()
        ),
        deployment.task_definition.clone().unwrap_or_default(),
        deployment.desired_count.unwrap_or_default().to_string(),
        took,
        state,
        deployment.rollout_state_reason.clone().unwrap_or_default(),
    ]
}

/// Why the task stopped, and what a container ended with that did not end well.
fn reason(task: &TaskHistory) -> String {
    let mut parts: Vec<String> = task.stopped_reason.iter().cloned().collect();
    for container in task.containers.iter().flatten() {
        let name = container.name.as_deref().unwrap_or_default();
        match (&container.reason, container.exit_code) {
            (Some(reason), _) => parts.push(format!("{name}: {reason}")),
            (None, Some(code)) if code != 0 => parts.push(format!("{name}: exit code {code}")),
            _ => {}
        }
    }
    parts.join("; ")
}

fn shown(at: Option<Timestamp>) -> String {
    millis(at).map_or_else(|| "-".to_owned(), when::shown)
}

fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    match (millis(from), millis(to)) {
        (Some(from), Some(to)) => output::age(from, to),
        _ => "-".to_owned(),
    }
}

fn millis(at: Option<Timestamp>) -> Option<UnixMillis> {
    at.map(|at| UnixMillis::from_seconds_f64(at.as_seconds_f64()))
}

fn task_json(task: &TaskHistory) -> Value {
    let containers = task.containers.iter().flatten();
    let containers: Vec<Value> = containers
        .map(|container| {
            json!({
                "name": container.name,
                "exitCode": container.exit_code,
                "reason": container.reason,
            })
        })
        .collect();
    json!({
        "taskArn": task.task_arn,
        "taskDefinition": task.task_definition,
        "cluster": task.cluster,
        "service": task.service,
        "group": task.group,
        "launchType": task.launch_type,
        "startedBy": task.started_by,
        "nodeName": task.node_name,
        "createdAt": seconds(task.created_at),
        "startedAt": seconds(task.started_at),
        "stoppedAt": seconds(task.stopped_at),
        "stopCode": task.stop_code,
        "stoppedReason": task.stopped_reason,
        "containers": containers,
        "placementReasons": task.placement_reasons,
        "placement": task.placement.as_ref().and_then(|placement| output::as_json(placement).ok()),
    })
}

fn deployment_json(deployment: &DeploymentHistory) -> Value {
    json!({
        "deploymentId": deployment.deployment_id,
        "cluster": deployment.cluster,
        "service": deployment.service,
        "taskDefinition": deployment.task_definition,
        "desiredCount": deployment.desired_count,
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_state_reason,
        "failedTasks": deployment.failed_tasks,
        "createdAt": seconds(deployment.created_at),
        "updatedAt": seconds(deployment.updated_at),
    })
}

fn seconds(at: Option<Timestamp>) -> Option<f64> {
    at.map(Timestamp::as_seconds_f64)
}
