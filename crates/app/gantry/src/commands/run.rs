//! `gantry run`: an image (or a task definition) as tasks on Fargate capacity.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, anyhow, bail};
use api_ec2::{
    operations::DescribeSubnets,
    types::{DescribeSubnetsRequest, Filter},
};
use api_ecs::{
    operations::{RegisterTaskDefinition, RunTask, StopTask},
    types::{
        AssignPublicIp, AwsVpcConfiguration, Compatibility, ContainerDefinition, Failure,
        KeyValuePair, LaunchType, LogConfiguration, LogDriver, NetworkConfiguration, NetworkMode,
        PortMapping, RegisterTaskDefinitionRequest, RunTaskRequest, StopTaskRequest, Task,
    },
};
use client::Client;
use clock::Clock;
use indicatif::ProgressBar;
use serde_json::json;

use super::{logs::LogTail, tasks};
use crate::{
    arguments::{Global, Output, Run},
    connect, output,
};

const POLL_EVERY: Duration = Duration::from_millis(100);
/// How long lines may still come after the task stopped.
const LAST_LINES: Duration = Duration::from_millis(1_000);
/// The exit code of a task that never ran its container.
const NEVER_RAN: u8 = 125;

pub async fn run(global: &Global, run: Run) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let network = network_configuration(&client).await?;
    let definition = match &run.task_definition {
        Some(definition) => definition.clone(),
        None => register(&client, &run).await?,
    };
    let started = start(&client, &run, definition, network).await?;
    if run.detach || started.len() > 1 {
        print_started(global.output, &started);
        return Ok(ExitCode::SUCCESS);
    }
    let task = started
        .into_iter()
        .next()
        .context("the server started no task")?;
    follow(&client, &run.cluster, task).await
}

/// Fargate tasks want a subnet: the default one, as EC2 tells it.
pub async fn network_configuration(client: &Client) -> anyhow::Result<NetworkConfiguration> {
    let default_only = Filter {
        name: Some("default-for-az".into()),
        values: Some(vec!["true".into()]),
    };
    let request = DescribeSubnetsRequest {
        filters: Some(vec![default_only]),
        ..DescribeSubnetsRequest::default()
    };
    let answer = client.call::<DescribeSubnets>(request).await?;
    let subnets = answer.subnets.into_iter().flatten();
    let subnet = subnets.filter_map(|subnet| subnet.subnet_id).next();
    let subnet = subnet.context("the server has no default subnet")?;
    Ok(NetworkConfiguration {
        awsvpc_configuration: Some(AwsVpcConfiguration {
            subnets: Some(vec![subnet]),
            assign_public_ip: Some(AssignPublicIp::DISABLED),
            ..Default::default()
        }),
    })
}

/// A Fargate task definition of one container that logs to `/gantry/FAMILY`.
async fn register(client: &Client, run: &Run) -> anyhow::Result<String> {
    let image = run.image.as_deref().context("an image is needed")?;
    let family = run.name.clone().unwrap_or_else(|| family_of(image));
    let container = ContainerDefinition {
        name: Some("main".into()),
        image: Some(image.to_owned()),
        essential: Some(true),
        command: (!run.command.is_empty()).then(|| run.command.clone()),
        environment: Some(environment(&run.environment)?),
        port_mappings: Some(
            run.ports
                .iter()
                .map(|port| PortMapping {
                    container_port: Some(*port),
                    ..Default::default()
                })
                .collect(),
        ),
        log_configuration: Some(awslogs(&family, client.region())),
        ..Default::default()
    };
    let answer = client
        .call::<RegisterTaskDefinition>(RegisterTaskDefinitionRequest {
            family: Some(family),
            network_mode: Some(NetworkMode::AWSVPC),
            requires_compatibilities: Some(vec![Compatibility::FARGATE]),
            cpu: Some(run.cpu.clone()),
            memory: Some(run.memory.clone()),
            // AWS wants an execution role where a Fargate task logs to awslogs.
            execution_role_arn: Some("arn:aws:iam::123456789012:role/ecsTaskExecutionRole".into()),
            container_definitions: Some(vec![container]),
            ..Default::default()
        })
        .await?;
    answer
        .task_definition
        .and_then(|definition| definition.task_definition_arn)
        .ok_or_else(|| anyhow!("the server answered no task definition"))
}

pub fn awslogs(family: &str, region: &str) -> LogConfiguration {
    let options = [
        ("awslogs-group", format!("/gantry/{family}")),
        ("awslogs-region", region.to_owned()),
        ("awslogs-stream-prefix", "run".to_owned()),
        ("awslogs-create-group", "true".to_owned()),
    ];
    LogConfiguration {
        log_driver: Some(LogDriver::AWSLOGS),
        options: Some(options.map(|(key, value)| (key.to_owned(), value)).into()),
        ..Default::default()
    }
}

async fn start(
    client: &Client,
    run: &Run,
    definition: String,
    network: NetworkConfiguration,
) -> anyhow::Result<Vec<Task>> {
    let answer = client
        .call::<RunTask>(RunTaskRequest {
            cluster: Some(run.cluster.clone()),
            task_definition: Some(definition),
            count: Some(run.count),
            launch_type: Some(LaunchType::FARGATE),
            network_configuration: Some(network),
            started_by: Some("gantry-run".into()),
            ..Default::default()
        })
        .await?;
    let failures = answer.failures.unwrap_or_default();
    if let Some(failure) = failures.first() {
        bail!("the task was not started: {}", describe(failure));
    }
    Ok(answer.tasks.unwrap_or_default())
}

/// Shows the way to RUNNING, then what the container writes; ends with the container's exit code.
async fn follow(client: &Client, cluster: &str, task: Task) -> anyhow::Result<ExitCode> {
    let arn = task.task_arn.clone().context("a task has an ARN")?;
    let clock = Clock::system();
    let progress = progress_bar();
    let mut tail = LogTail::of(client, &task, None).await.ok();
    let mut stop = StopOnInterrupt::default();
    let mut stopped: Option<(clock::UnixMillis, Task)> = None;
    loop {
        let mut quiet = true;
        if let Some(tail) = &mut tail {
            for line in tail.poll(client).await? {
                quiet = false;
                progress.suspend(|| println!("{}", line.message));
            }
        }
        match &stopped {
            Some((at, task)) if quiet && clock.now().since(*at) > LAST_LINES => {
                progress.finish_and_clear();
                return Ok(exit_code(task));
            }
            Some(_) => {}
            None => {
                let now = tasks::describe(client, cluster, std::slice::from_ref(&arn)).await?;
                let task = now.into_iter().next().context("the task is gone")?;
                progress.set_message(format!("{} {}", tasks::id(&task), tasks::status(&task)));
                if tasks::status(&task) == "STOPPED" {
                    stopped = Some((clock.now(), task));
                }
            }
        }
        tokio::select! {
            () = clock.sleep(POLL_EVERY) => {}
            _ = tokio::signal::ctrl_c() => stop.interrupt(client, cluster, &arn).await?,
        }
    }
}

/// The first Ctrl-C stops the task, the second one leaves.
#[derive(Default)]
struct StopOnInterrupt {
    asked: bool,
}

impl StopOnInterrupt {
    async fn interrupt(&mut self, client: &Client, cluster: &str, arn: &str) -> anyhow::Result<()> {
        if self.asked {
            bail!("left; the task is still being stopped");
        }
        self.asked = true;
        output::note("stopping the task; Ctrl-C again leaves at once");
        client
            .call::<StopTask>(StopTaskRequest {
                cluster: Some(cluster.to_owned()),
                task: Some(arn.to_owned()),
                reason: Some("Interrupted at the terminal".into()),
            })
            .await?;
        Ok(())
    }
}

fn exit_code(task: &Task) -> ExitCode {
    let containers = task.containers.as_deref().unwrap_or_default();
    let code = containers.iter().find_map(|container| container.exit_code);
    let strange =
        task.stop_code.as_ref().map(|code| code.as_str()) != Some("EssentialContainerExited");
    if strange
        || containers
            .iter()
            .any(|container| container.reason.is_some())
    {
        output::note(tasks::why_stopped(task));
    }
    let code = code.map_or(NEVER_RAN, |code| u8::try_from(code).unwrap_or(u8::MAX));
    ExitCode::from(code)
}

fn print_started(format: Output, started: &[Task]) {
    match format {
        Output::Json if started.len() == 1 => {
            output::json(&json!({"taskArn": started[0].task_arn}))
        }
        Output::Json => {
            let arns: Vec<_> = started.iter().map(|task| &task.task_arn).collect();
            output::json(&json!({"taskArns": arns}));
        }
        Output::Table => {
            for task in started {
                println!("{}", tasks::id(task));
            }
        }
    }
}

fn progress_bar() -> ProgressBar {
    if !output::is_interactive() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(POLL_EVERY);
    bar
}

fn describe(failure: &Failure) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{} {}", part(&failure.reason), part(&failure.detail))
        .trim()
        .to_owned()
}

/// `registry/team/app:1` → `app`.
fn family_of(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let name = last.split(['@', ':']).next().unwrap_or(last);
    let family: String = name
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || character == '_' {
                character
            } else {
                '-'
            }
        })
        .collect();
    if family.is_empty() {
        "run".into()
    } else {
        family
    }
}

fn environment(pairs: &[String]) -> anyhow::Result<Vec<KeyValuePair>> {
    pairs
        .iter()
        .map(|pair| {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| anyhow!("--env takes NAME=VALUE, not `{pair}`"))?;
            Ok(KeyValuePair {
                name: Some(name.to_owned()),
                value: Some(value.to_owned()),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_come_from_images() {
        assert_eq!(family_of("demo:latest"), "demo");
        assert_eq!(family_of("127.0.0.1:4580/team/my.app@sha256:00"), "my-app");
    }

    #[test]
    fn environment_wants_pairs() {
        assert_eq!(
            environment(&["A=b=c".into()]).unwrap()[0].value.as_deref(),
            Some("b=c")
        );
        assert!(environment(&["A".into()]).is_err());
    }
}
