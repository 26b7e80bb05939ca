//! `gantry demo`: a service of two tasks, waited for until it serves; then what to try.

use std::{net::Ipv4Addr, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use api_ecs::{
    operations::{CreateService, DescribeServices, RegisterTaskDefinition, UpdateService},
    types::{
        Compatibility, ContainerDefinition, CreateServiceRequest, DescribeServicesRequest,
        DesiredStatus, HealthCheck, LaunchType, NetworkMode, PortMapping,
        RegisterTaskDefinitionRequest, Service, UpdateServiceRequest,
    },
};
use client::Client;
use clock::Clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{run, tasks};
use crate::{
    arguments::Global,
    connect, output,
    paths::{DataDirectory, Facts},
};

const SERVICE: &str = "demo";
const TASKS: i32 = 2;
const PORT: u16 = 8080;
const WAIT: Duration = Duration::from_secs(90);
const POLL_EVERY: Duration = Duration::from_millis(200);
const ANSWER: Duration = Duration::from_secs(2);

pub async fn run(global: &Global) -> anyhow::Result<ExitCode> {
    let client = connect::client(global)?;
    let facts = DataDirectory::new(global.data_dir.clone())
        .facts()
        .context("no Gantry runs on this machine. `gantry up --detach` starts one")?;
    let definition = register(&client).await?;
    output::note(format_args!(
        "==> running service `{SERVICE}` with {TASKS} tasks of {definition}"
    ));
    create_or_update(&client, definition).await?;
    let addresses = wait_until_serving(&client).await?;
    print_what_to_try(&facts, &addresses);
    Ok(ExitCode::SUCCESS)
}

async fn register(client: &Client) -> anyhow::Result<String> {
    let container = ContainerDefinition {
        name: Some("web".into()),
        image: Some("demo:latest".into()),
        essential: Some(true),
        port_mappings: Some(vec![PortMapping {
            container_port: Some(i32::from(PORT)),
            ..Default::default()
        }]),
        health_check: Some(HealthCheck {
            command: Some(vec!["CMD".into(), "/demo".into(), "check".into()]),
            interval: Some(5),
            ..Default::default()
        }),
        log_configuration: Some(run::awslogs(SERVICE, client.region())),
        ..Default::default()
    };
    let answer = client
        .call::<RegisterTaskDefinition>(RegisterTaskDefinitionRequest {
            family: Some(SERVICE.into()),
            network_mode: Some(NetworkMode::AWSVPC),
            requires_compatibilities: Some(vec![Compatibility::FARGATE]),
            cpu: Some("256".into()),
            memory: Some("512".into()),
            execution_role_arn: Some("arn:aws:iam::123456789012:role/ecsTaskExecutionRole".into()),
            container_definitions: Some(vec![container]),
            ..Default::default()
        })
        .await?;
    let definition = answer.task_definition.unwrap_or_default();
    Ok(format!(
        "{SERVICE}:{}",
        definition
            .revision
            .context("a task definition has a revision")?
    ))
}

async fn create_or_update(client: &Client, definition: String) -> anyhow::Result<()> {
    let network = run::network_configuration(client).await?;
    let exists = describe(client)
        .await?
        .is_some_and(|service| service.status.as_deref() == Some("ACTIVE"));
    if exists {
        client
            .call::<UpdateService>(UpdateServiceRequest {
                service: Some(SERVICE.into()),
                task_definition: Some(definition),
                desired_count: Some(TASKS),
                ..Default::default()
            })
            .await?;
        return Ok(());
    }
    client
        .call::<CreateService>(CreateServiceRequest {
            service_name: Some(SERVICE.into()),
            task_definition: Some(definition),
            desired_count: Some(TASKS),
            launch_type: Some(LaunchType::FARGATE),
            network_configuration: Some(network),
            ..Default::default()
        })
        .await?;
    Ok(())
}

async fn describe(client: &Client) -> anyhow::Result<Option<Service>> {
    let answer = client
        .call::<DescribeServices>(DescribeServicesRequest {
            services: Some(vec![SERVICE.into()]),
            ..Default::default()
        })
        .await?;
    Ok(answer.services.unwrap_or_default().pop())
}

/// Waits for one deployment with every task answering HTTP.
async fn wait_until_serving(client: &Client) -> anyhow::Result<Vec<Ipv4Addr>> {
    let clock = Clock::system();
    let began = clock.now();
    let mut last_event = String::new();
    loop {
        let service = describe(client).await?.context("the service is gone")?;
        if let Some(event) = service
            .events
            .iter()
            .flatten()
            .next()
            .and_then(|event| event.message.clone())
            && event != last_event
        {
            output::note(format_args!("    {event}"));
            last_event = event;
        }
        let settled = service.deployments.as_ref().map_or(0, Vec::len) == 1
            && service.running_count == Some(TASKS);
        if settled {
            let addresses = addresses(client).await?;
            let mut answering = 0;
            for address in &addresses {
                answering += usize::from(answers(*address).await);
            }
            if answering == TASKS as usize {
                return Ok(addresses);
            }
        }
        if clock.now().since(began) > WAIT {
            bail!(
                "the demo service does not serve after {} s. Last event: {last_event}\n`gantry ps --all` shows its tasks",
                WAIT.as_secs()
            );
        }
        clock.sleep(POLL_EVERY).await;
    }
}

async fn addresses(client: &Client) -> anyhow::Result<Vec<Ipv4Addr>> {
    let running = tasks::list(client, "default", Some(SERVICE), DesiredStatus::RUNNING).await?;
    Ok(running
        .iter()
        .filter_map(|task| tasks::address(task)?.parse().ok())
        .collect())
}

async fn answers(address: Ipv4Addr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect((address, PORT)).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    Clock::system()
        .timeout(ANSWER, ask)
        .await
        .is_ok_and(|answered| answered.unwrap_or(false))
}

fn print_what_to_try(facts: &Facts, addresses: &[Ipv4Addr]) {
    println!();
    println!("Gantry serves at {}", facts.endpoint);
    println!("Service `{SERVICE}` runs {TASKS} tasks; they answer here:");
    for address in addresses {
        println!("  curl http://{address}:{PORT}/");
    }
    // As it was called, so that the lines can be copied whether it is on the PATH or not.
    let gantry = std::env::args().next().unwrap_or_else(|| "gantry".into());
    println!();
    println!("Point the AWS CLI at it (`pip install awscli`, if you have none):");
    println!("  {gantry} configure           # writes the profile `gantry`");
    println!("  export AWS_PROFILE=gantry");
    println!();
    println!("Try:");
    println!("  aws ecs describe-services --services {SERVICE} --query 'services[0].events[:3]'");
    println!(
        "  aws ecs update-service --service {SERVICE} --desired-count 4 --query service.desiredCount"
    );
    println!(
        "  aws ecs run-task --task-definition {SERVICE} --network-configuration 'awsvpcConfiguration={{subnets=[{}]}}'",
        facts.default_subnet_id
    );
    println!();
    println!("Gantry's own commands:");
    println!("  {gantry} status              # what runs, what is wrong, what to do next");
    println!("  {gantry} ps                  # the tasks; also logs -f TASK, stop TASK");
    println!("  {gantry} events --follow     # what happens; also top, history");
    println!("  {gantry} run demo:latest -- print 3");
    println!("  {gantry} down                # stops everything; what it knows stays");
}
