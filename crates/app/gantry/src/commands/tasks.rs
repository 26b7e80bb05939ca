//! What several commands do with tasks: find them by a short id, wait for them, tell why they stopped.

use anyhow::{anyhow, bail};
use api_ecs::{
    operations::{DescribeTasks, ListTasks},
    types::{DescribeTasksRequest, DesiredStatus, ListTasksRequest, Task},
};
use client::Client;

/// A list of tasks longer than this is not shown whole.
const MOST_TASKS: usize = 1_000;
const DESCRIBE_AT_ONCE: usize = 100;

/// Tasks with the given desired status, newest first.
pub async fn list(
    client: &Client,
    cluster: &str,
    service: Option<&str>,
    desired: DesiredStatus,
) -> anyhow::Result<Vec<Task>> {
    let mut arns = Vec::new();
    let mut next_token = None;
    loop {
        let answer = client
            .call::<ListTasks>(ListTasksRequest {
                cluster: Some(cluster.to_owned()),
                service_name: service.map(str::to_owned),
                desired_status: Some(desired.clone()),
                next_token,
                ..Default::default()
            })
            .await?;
        arns.extend(answer.task_arns.unwrap_or_default());
        next_token = answer.next_token;
        if next_token.is_none() || arns.len() >= MOST_TASKS {
            break;
        }
    }
    let mut tasks = describe(client, cluster, &arns).await?;
    tasks.sort_by_key(|task| std::cmp::Reverse(task.created_at));
    Ok(tasks)
}

pub async fn describe(
    client: &Client,
    cluster: &str,
    tasks: &[String],
) -> anyhow::Result<Vec<Task>> {
    let mut found = Vec::new();
    for some in tasks.chunks(DESCRIBE_AT_ONCE) {
        let answer = client
            .call::<DescribeTasks>(DescribeTasksRequest {
                cluster: Some(cluster.to_owned()),
                tasks: Some(some.to_vec()),
                ..Default::default()
            })
            .await?;
        found.extend(answer.tasks.unwrap_or_default());
    }
    Ok(found)
}

/// The task of an ARN, an id, or the first characters of an id.
pub async fn find(client: &Client, cluster: &str, name: &str) -> anyhow::Result<Task> {
    let whole = name.starts_with("arn:") || name.len() == 32;
    if whole {
        let mut tasks = describe(client, cluster, &[name.to_owned()]).await?;
        return tasks.pop().ok_or_else(|| {
            anyhow!("no task {name} in cluster {cluster}. `gantry ps --all` lists the tasks")
        });
    }
    let mut matching = Vec::new();
    for desired in [DesiredStatus::RUNNING, DesiredStatus::STOPPED] {
        let tasks = list(client, cluster, None, desired).await?;
        matching.extend(tasks.into_iter().filter(|task| id(task).starts_with(name)));
    }
    match matching.len() {
        0 => bail!(
            "no task begins with `{name}` in cluster {cluster}. `gantry ps --all` lists the tasks"
        ),
        1 => Ok(matching.remove(0)),
        count => bail!("{count} tasks begin with `{name}`: give more characters"),
    }
}

/// The id: last part of the ARN.
pub fn id(task: &Task) -> &str {
    task.task_arn
        .as_deref()
        .and_then(|arn| arn.rsplit('/').next())
        .unwrap_or_default()
}

/// The address of the task's network interface.
pub fn address(task: &Task) -> Option<&str> {
    task.attachments
        .iter()
        .flatten()
        .flat_map(|attachment| attachment.details.iter().flatten())
        .find(|detail| detail.name.as_deref() == Some("privateIPv4Address"))
        .and_then(|detail| detail.value.as_deref())
}

pub fn status(task: &Task) -> &str {
    task.last_status.as_deref().unwrap_or_default()
}

/// `family:revision`.
pub fn definition(task: &Task) -> &str {
    task.task_definition_arn
        .as_deref()
        .and_then(|arn| arn.rsplit('/').next())
        .unwrap_or_default()
}

/// Why the task stopped, with each container's reason and exit code.
pub fn why_stopped(task: &Task) -> String {
    let mut text = task.stopped_reason.clone().unwrap_or_default();
    for container in task.containers.iter().flatten() {
        let name = container.name.as_deref().unwrap_or_default();
        match (&container.reason, container.exit_code) {
            (Some(reason), _) => text.push_str(&format!("\n  {name}: {reason}")),
            (None, Some(code)) if code != 0 => {
                text.push_str(&format!("\n  {name}: exit code {code}"))
            }
            _ => {}
        }
    }
    text
}
