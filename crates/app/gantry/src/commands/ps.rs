//! `gantry ps`: the tasks of a cluster.

use std::process::ExitCode;

use api_ecs::types::{DesiredStatus, Task};
use clock::{Clock, UnixMillis};
use serde_json::json;

use super::tasks;
use crate::{
    arguments::{Global, Output, Ps},
    connect, output,
};

pub async fn run(global: &Global, ps: Ps) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let service = ps.service.as_deref();
    let mut found = tasks::list(&client, &ps.cluster, service, DesiredStatus::RUNNING).await?;
    if ps.all {
        found.extend(tasks::list(&client, &ps.cluster, service, DesiredStatus::STOPPED).await?);
    }
    match global.output {
        Output::Json => output::json(&found.iter().map(as_json).collect()),
        Output::Table if found.is_empty() => output::note(format_args!(
            "no tasks in cluster {}. `gantry run demo:latest --detach` starts one",
            ps.cluster
        )),
        Output::Table => print_table(&found),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_table(found: &[Task]) {
    let now = Clock::system().now();
    let rows = found.iter().map(|task| row(task, now)).collect();
    output::table(
        &[
            "task",
            "definition",
            "group",
            "status",
            "health",
            "address",
            "age",
        ],
        rows,
    );
}

fn row(task: &Task, now: UnixMillis) -> Vec<String> {
    let created = task
        .created_at
        .map(|at| output::age(UnixMillis::from_seconds_f64(at.as_seconds_f64()), now));
    vec![
        tasks::id(task).chars().take(12).collect(),
        tasks::definition(task).to_owned(),
        task.group.clone().unwrap_or_default(),
        tasks::status(task).to_owned(),
        task.health_status
            .as_ref()
            .map(|health| health.as_str().to_owned())
            .unwrap_or_default(),
        tasks::address(task).unwrap_or("-").to_owned(),
        created.unwrap_or_default(),
    ]
}

fn as_json(task: &Task) -> serde_json::Value {
    json!({
        "taskArn": task.task_arn,
        "taskDefinition": tasks::definition(task),
        "group": task.group,
        "lastStatus": task.last_status,
        "desiredStatus": task.desired_status,
        "address": tasks::address(task),
        "startedBy": task.started_by,
        "stoppedReason": task.stopped_reason,
    })
}
