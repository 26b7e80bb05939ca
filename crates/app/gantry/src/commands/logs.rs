//! `gantry logs`: what a task's containers wrote, by the awslogs options of its task definition.

use std::{process::ExitCode, time::Duration};

use anyhow::{anyhow, bail};
use api_ecs::{
    operations::DescribeTaskDefinition,
    types::{ContainerDefinition, DescribeTaskDefinitionRequest, Task},
};
use api_logs::{operations::GetLogEvents, types::GetLogEventsRequest};
use client::Client;
use clock::Clock;
use serde_json::json;

use super::tasks;
use crate::{
    arguments::{Global, Logs, Output},
    connect,
};

/// With what the agent gathers, a line is seen within 200 ms.
const FOLLOW_EVERY: Duration = Duration::from_millis(75);
/// How long lines may still come after the task stopped.
const LAST_LINES: Duration = Duration::from_millis(1_500);

/// Reads the log streams of a task, from the first line on.
pub struct LogTail {
    streams: Vec<Stream>,
}

struct Stream {
    container: String,
    group: String,
    name: String,
    next_token: Option<String>,
}

/// One line of one container.
pub struct Line {
    pub container: String,
    pub timestamp_milliseconds: i64,
    pub message: String,
}

pub async fn run(global: &Global, logs: Logs) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let task = tasks::find(&client, &logs.cluster, &logs.task).await?;
    let mut tail = LogTail::of(&client, &task, logs.container.as_deref()).await?;
    let several = tail.streams.len() > 1;
    let clock = Clock::system();
    let arn = task.task_arn.clone().unwrap_or_default();
    let mut stopped_at = None;
    loop {
        let lines = tail.poll(&client).await?;
        let quiet = lines.is_empty();
        for line in &lines {
            print(global.output, line, several);
        }
        if !logs.follow && quiet {
            return Ok(ExitCode::SUCCESS);
        }
        if logs.follow && quiet {
            let now = clock.now();
            if stopped_at.is_none() && is_stopped(&client, &logs.cluster, &arn).await? {
                stopped_at = Some(now);
            }
            if stopped_at.is_some_and(|at| now.since(at) > LAST_LINES) {
                return Ok(ExitCode::SUCCESS);
            }
            clock.sleep(FOLLOW_EVERY).await;
        }
    }
}

impl LogTail {
    /// The streams of the task's containers that log to awslogs.
    pub async fn of(client: &Client, task: &Task, container: Option<&str>) -> anyhow::Result<Self> {
        let answer = client
            .call::<DescribeTaskDefinition>(DescribeTaskDefinitionRequest {
                task_definition: task.task_definition_arn.clone(),
                ..Default::default()
            })
            .await?;
        let definition = answer
            .task_definition
            .ok_or_else(|| anyhow!("the server answered no task definition"))?;
        let containers = definition.container_definitions.unwrap_or_default();
        if let Some(wanted) = container
            && !containers
                .iter()
                .any(|known| known.name.as_deref() == Some(wanted))
        {
            bail!("task {} has no container `{wanted}`", tasks::id(task));
        }
        let streams: Vec<Stream> = containers
            .iter()
            .filter(|known| container.is_none() || known.name.as_deref() == container)
            .filter_map(|known| stream_of(known, tasks::id(task)))
            .collect();
        if streams.is_empty() {
            bail!(
                "the task definition {} keeps no logs: give its containers the log driver awslogs, for example\n  \
                 \"logConfiguration\": {{\"logDriver\": \"awslogs\", \"options\": {{\"awslogs-group\": \"/app\", \"awslogs-stream-prefix\": \"app\", \"awslogs-region\": \"us-east-1\"}}}}",
                tasks::definition(task)
            );
        }
        Ok(Self { streams })
    }

    /// What came since the last poll, by time.
    pub async fn poll(&mut self, client: &Client) -> anyhow::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for stream in &mut self.streams {
            let asked = client
                .call::<GetLogEvents>(GetLogEventsRequest {
                    log_group_name: Some(stream.group.clone()),
                    log_stream_name: Some(stream.name.clone()),
                    next_token: stream.next_token.clone(),
                    start_from_head: Some(true),
                    ..Default::default()
                })
                .await;
            let answer = match asked {
                Ok(answer) => answer,
                // The stream is made with the container's first line.
                Err(error) if error.code() == Some("ResourceNotFoundException") => continue,
                Err(error) => return Err(error.into()),
            };
            stream.next_token = answer.next_forward_token.or(stream.next_token.take());
            lines.extend(
                answer
                    .events
                    .unwrap_or_default()
                    .into_iter()
                    .map(|event| Line {
                        container: stream.container.clone(),
                        timestamp_milliseconds: event.timestamp.unwrap_or_default(),
                        message: event.message.unwrap_or_default(),
                    }),
            );
        }
        lines.sort_by_key(|line| line.timestamp_milliseconds);
        Ok(lines)
    }
}

fn stream_of(container: &ContainerDefinition, task_id: &str) -> Option<Stream> {
    let name = container.name.clone()?;
    let options = container.log_configuration.as_ref()?.options.as_ref()?;
    let prefix = options.get("awslogs-stream-prefix")?;
    Some(Stream {
        group: options.get("awslogs-group")?.clone(),
        name: format!("{prefix}/{name}/{task_id}"),
        container: name,
        next_token: None,
    })
}

async fn is_stopped(client: &Client, cluster: &str, arn: &str) -> anyhow::Result<bool> {
    let found = tasks::describe(client, cluster, &[arn.to_owned()]).await?;
    Ok(found
        .first()
        .is_none_or(|task| tasks::status(task) == "STOPPED"))
}

fn print(format: Output, line: &Line, several: bool) {
    match format {
        Output::Json => println!(
            "{}",
            json!({"container": line.container, "timestamp": line.timestamp_milliseconds, "message": line.message})
        ),
        Output::Table if several => println!("{} | {}", line.container, line.message),
        Output::Table => println!("{}", line.message),
    }
}
