//! The requests, and what came of them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use api_ecs::{operations, types::*};
use client::Client;
use clock::Clock;
use futures_util::future::{BoxFuture, try_join_all};
use serde_json::{Value, json};

use crate::Server;

const TASKS_PER_CALL: usize = 10;

/// One kind of request, made over and over.
pub trait Make: Send + Sync + 'static {
    fn send<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, anyhow::Result<()>>;
}

/// Latencies of all requests, and how long they took together.
pub struct Outcome {
    latencies: Vec<Duration>,
    took: Duration,
}

impl Outcome {
    /// `heard`: tasks that the nodes were told of.
    pub fn report(&mut self, heard: usize) -> Value {
        self.latencies.sort_unstable();
        let at = |part: f64| {
            let position = (self.latencies.len() as f64 * part) as usize;
            let latency = self.latencies.get(position.min(self.latencies.len() - 1));
            latency.map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        json!({
            "requests": self.latencies.len(),
            "requests_per_second": self.latencies.len() as f64 / self.took.as_secs_f64(),
            "median_ms": at(0.5),
            "p99_ms": at(0.99),
            "tasks_heard_by_nodes": heard,
        })
    }
}

/// Every client sends its next request as soon as the last one is answered.
pub async fn load(
    root: &Server,
    clients: usize,
    span: Duration,
    make: Arc<dyn Make>,
) -> anyhow::Result<Outcome> {
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let began = root.clock.monotonic();
    let mut running = Vec::new();
    for _ in 0..clients {
        let (client, make, clock) = (root.client()?, Arc::clone(&make), root.clock.clone());
        let latencies = Arc::clone(&latencies);
        running.push(root.clock.spawn("client", async move {
            let mut own = Vec::new();
            while clock.monotonic().saturating_sub(began) < span {
                let sent = clock.monotonic();
                make.send(&client).await?;
                own.push(clock.monotonic().saturating_sub(sent));
            }
            let mut all = latencies.lock().unwrap_or_else(PoisonError::into_inner);
            all.append(&mut own);
            Ok::<_, anyhow::Error>(())
        }));
    }
    for client in running {
        client.await??;
    }
    let took = root.clock.monotonic().saturating_sub(began);
    let latencies = std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner));
    ensure!(!latencies.is_empty(), "nothing was answered");
    Ok(Outcome { latencies, took })
}

/// A Fargate definition of one container, and its `family:revision`.
pub async fn register_definition(root: &Server) -> anyhow::Result<String> {
    let request = RegisterTaskDefinitionRequest {
        family: Some("load".into()),
        requires_compatibilities: Some(vec![Compatibility::FARGATE]),
        network_mode: Some(NetworkMode::AWSVPC),
        cpu: Some("256".into()),
        memory: Some("512".into()),
        container_definitions: Some(vec![ContainerDefinition {
            name: Some("main".into()),
            image: Some("demo:latest".into()),
            ..ContainerDefinition::default()
        }]),
        ..RegisterTaskDefinitionRequest::default()
    };
    let answer = root
        .client()?
        .call::<operations::RegisterTaskDefinition>(request)
        .await?;
    let definition = answer.task_definition.context("no taskDefinition")?;
    let revision = definition.revision.context("no revision")?;
    Ok(format!("load:{revision}"))
}

/// RunTask of one task.
pub struct RunTask {
    clock: Clock,
    request: RunTaskRequest,
}

impl RunTask {
    pub fn new(clock: Clock, definition: String, subnet: String) -> Self {
        let awsvpc = AwsVpcConfiguration {
            subnets: Some(vec![subnet]),
            ..AwsVpcConfiguration::default()
        };
        Self {
            clock,
            request: RunTaskRequest {
                task_definition: Some(definition),
                launch_type: Some(LaunchType::FARGATE),
                network_configuration: Some(NetworkConfiguration {
                    awsvpc_configuration: Some(awsvpc),
                }),
                ..RunTaskRequest::default()
            },
        }
    }

    /// The ARNs of the tasks.
    async fn call(&self, client: &Client, count: usize) -> anyhow::Result<Vec<String>> {
        let request = RunTaskRequest {
            count: i32::try_from(count).ok(),
            // SDKs send one of their own with every request.
            client_token: Some(self.clock.uuid()),
            ..self.request.clone()
        };
        let answer = client.call::<operations::RunTask>(request).await?;
        let failures = answer.failures.unwrap_or_default();
        ensure!(failures.is_empty(), "RunTask failed: {failures:?}");
        let tasks = answer.tasks.unwrap_or_default().into_iter();
        let arns: Vec<String> = tasks.filter_map(|task| task.task_arn).collect();
        ensure!(arns.len() == count, "RunTask made {} tasks", arns.len());
        Ok(arns)
    }
}

impl Make for RunTask {
    fn send<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move { self.call(client, 1).await.map(drop) })
    }
}

/// Makes tasks to begin with; their ARNs.
pub async fn tasks(
    root: &Server,
    maker: &RunTask,
    count: usize,
    clients: usize,
) -> anyhow::Result<Vec<String>> {
    let next = AtomicUsize::new(0);
    let calls = count.div_ceil(TASKS_PER_CALL);
    let making = (0..clients.min(calls)).map(|_| async {
        let client = root.client()?;
        let mut arns = Vec::new();
        while next.fetch_add(1, Ordering::Relaxed) < calls {
            arns.extend(maker.call(&client, TASKS_PER_CALL).await?);
        }
        Ok::<_, anyhow::Error>(arns)
    });
    Ok(try_join_all(making).await?.concat())
}

/// DescribeTasks of the next so many tasks.
pub struct Describe {
    arns: Vec<String>,
    per_call: usize,
    next: AtomicUsize,
}

impl Describe {
    pub fn new(arns: Vec<String>, per_call: usize) -> Self {
        Self {
            arns,
            per_call,
            next: AtomicUsize::new(0),
        }
    }
}

impl Make for Describe {
    fn send<'a>(&'a self, client: &'a Client) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            let chunks = (self.arns.len() / self.per_call).max(1);
            let at = self.next.fetch_add(1, Ordering::Relaxed) % chunks * self.per_call;
            let end = (at + self.per_call).min(self.arns.len());
            let arns = self.arns[at..end].to_vec();
            let asked = arns.len();
            let request = DescribeTasksRequest {
                tasks: Some(arns),
                ..DescribeTasksRequest::default()
            };
            let answer = client.call::<operations::DescribeTasks>(request).await?;
            let found = answer.tasks.unwrap_or_default().len();
            ensure!(found == asked, "DescribeTasks found {found} of {asked}");
            Ok(())
        })
    }
}
