//! Calls one operation of a Gantry server as fast as it is answered, and prints what came of it as JSON.
//!
//! The server is a process of its own on its disk engine. Its nodes are doubles: they join, register, hold their ACS
//! websocket and acknowledge payloads as an agent does, and run no containers.

mod nodes;
mod requests;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use client::Client;
use clock::Clock;
use identity::Credentials;

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long)]
    endpoint: String,
    /// The server's root-credentials.json
    #[arg(long)]
    credentials: PathBuf,
    /// Subnet for the tasks
    #[arg(long)]
    subnet: String,
    #[arg(long, default_value = "us-east-1")]
    region: String,
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Requests under way at a time
    #[arg(long, default_value_t = 64)]
    clients: usize,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Tasks to begin with, for operations that read
    #[arg(long, default_value_t = 0)]
    tasks: usize,
    #[arg(long, value_enum)]
    operation: Operation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Operation {
    /// One Fargate task a request
    RunTask,
    /// One task a request
    DescribeTask,
    /// 100 tasks a request
    DescribeTasks,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let clock = Clock::system();
    let root = Server {
        endpoint: arguments.endpoint.clone(),
        region: arguments.region.clone(),
        credentials: read_credentials(&arguments.credentials)?,
        clock: clock.clone(),
    };
    let nodes = nodes::connect(&root, arguments.nodes).await?;
    let definition = requests::register_definition(&root).await?;
    let maker = Arc::new(requests::RunTask::new(
        clock.clone(),
        definition,
        arguments.subnet,
    ));
    let before = requests::tasks(&root, &maker, arguments.tasks, arguments.clients).await?;
    let span = Duration::from_secs_f64(arguments.seconds);
    let mut outcome = match arguments.operation {
        Operation::RunTask => requests::load(&root, arguments.clients, span, maker).await?,
        Operation::DescribeTask => {
            let describe = requests::Describe::new(before, 1);
            requests::load(&root, arguments.clients, span, Arc::new(describe)).await?
        }
        Operation::DescribeTasks => {
            let describe = requests::Describe::new(before, 100);
            requests::load(&root, arguments.clients, span, Arc::new(describe)).await?
        }
    };
    // What the nodes were told arrives after the answers.
    clock.sleep(Duration::from_millis(500)).await;
    println!("{}", outcome.report(nodes.heard()));
    Ok(())
}

/// How to reach the server, and as whom.
#[derive(Clone)]
struct Server {
    endpoint: String,
    region: String,
    credentials: Credentials,
    clock: Clock,
}

impl Server {
    /// With connections of its own.
    fn client(&self) -> Result<Client, client::Error> {
        let (region, credentials) = (self.region.clone(), self.credentials.clone());
        Client::new(&self.endpoint, region, credentials, self.clock.clone())
    }
}

fn read_credentials(path: &PathBuf) -> anyhow::Result<Credentials> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let content: serde_json::Value = serde_json::from_str(&text)?;
    let field = |name: &str| {
        let value = content[name].as_str();
        value.with_context(|| format!("{} has no {name}", path.display()))
    };
    Ok(Credentials::new(
        field("access_key_id")?,
        field("secret_access_key")?,
    ))
}
