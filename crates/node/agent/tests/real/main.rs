//! The agent with the real runtime and the real network, against a server made up in this process.
//!
//! Needs root and busybox, as any node with tasks does; without them it says so and passes. One story in a program of
//! its own, because the program must turn into a shim before any thread exists.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "the server is shared with the other tests")]

#[path = "../it/fake_server.rs"]
mod fake_server;
mod image;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent::{Capacity, Options, Overcommit, Resources, TaskNetworks};
use clock::Clock;
use fake_server::{FakeServer, Heard};
use futures_util::FutureExt;
use identity::Credentials;
use link::{acs, docker};
use network::{Network, NetworkOptions};
use runtime::{BuiltinOptions, BuiltinRuntime, Runtime};
use serde_json::Value;
use tokio::task::JoinHandle;

const BUSYBOX: &str = "/bin/busybox";
const STARTS_MEASURED: u32 = 20;
const SCRIPT: &str =
    "echo hello from $NAME; trap 'echo bye; exit 7' TERM; while true; do sleep 0.05; done";

fn main() {
    runtime::shim::dispatch_if_requested();
    if !nix::unistd::geteuid().is_root() || !Path::new(BUSYBOX).exists() {
        return eprintln!("skipped: needs root and {BUSYBOX}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(async {
        let mut node = Node::new().await;
        let outcome = AssertUnwindSafe(story(&mut node)).catch_unwind().await;
        node.remove_everything().await;
        outcome
    });
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
    println!("test agent_with_real_containers ... ok");
}

struct Node {
    server: Arc<FakeServer>,
    runtime: Arc<BuiltinRuntime>,
    network: Arc<Network>,
    clock: Clock,
    directory: tempfile::TempDir,
    agent: Option<JoinHandle<()>>,
    /// Of the network and the control groups.
    name: String,
}

async fn story(node: &mut Node) {
    image::publish(&node.server, Path::new(BUSYBOX));
    node.start_agent().await;

    // A first task pulls the image; then starts are measured.
    let first = task(1, 10);
    node.give(1, first.clone());
    let change = node.submitted(&first, "RUNNING").await;
    assert!(
        change["containers"][0]["imageDigest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:"),
        "{change}"
    );
    node.ping(10).await;
    let mut milliseconds = Vec::new();
    let mut others = Vec::new();
    for number in 2..2 + STARTS_MEASURED {
        let task = task(number, 10 + number);
        let began = node.clock.monotonic();
        node.give(number, task.clone());
        node.submitted(&task, "RUNNING").await;
        milliseconds.push((node.clock.monotonic() - began).as_secs_f64() * 1000.0);
        others.push(task);
    }
    milliseconds.sort_by(f64::total_cmp);
    println!(
        "payload to RUNNING, image present: min {:.1} ms, median {:.1} ms, max {:.1} ms",
        milliseconds[0],
        milliseconds[milliseconds.len() / 2],
        milliseconds[milliseconds.len() - 1]
    );

    // The agent dies; the containers do not.
    node.kill_agent().await;
    let running = node.runtime.list().await.unwrap();
    assert_eq!(running.len() as u32, 1 + STARTS_MEASURED);
    node.start_agent().await;
    node.submitted(&first, "RUNNING").await;
    for task in others.iter().chain([&first]) {
        let mut stop = task.clone();
        stop.desired_status = Some(acs::DESIRED_STOPPED.to_owned());
        node.give(1000, stop);
    }
    for task in others.iter().chain([&first]) {
        let change = node.submitted(task, "STOPPED").await;
        assert_eq!(
            change["containers"][0]["exitCode"], 7,
            "the script's own exit code: {change}"
        );
    }
    node.is_clean().await;
    node.logs_are_complete();
}

impl Node {
    async fn new() -> Self {
        let clock = Clock::system();
        let directory = tempfile::tempdir().unwrap();
        let name = format!("gyagent{}", clock.random_hex(3));
        let network = Network::new(NetworkOptions {
            name: name.clone(),
            task_cidr: "10.214.1.0/24".parse().unwrap(),
            metadata_address: None,
            clock: clock.clone(),
        });
        let mut options = BuiltinOptions::new(directory.path().join("runtime"), clock.clone());
        options.group_root.clone_from(&name);
        Self {
            server: FakeServer::start().await,
            runtime: Arc::new(BuiltinRuntime::new(options).unwrap()),
            network: Arc::new(network),
            clock,
            directory,
            agent: None,
            name,
        }
    }

    async fn start_agent(&mut self) {
        let options = Options {
            endpoint: format!("http://{}", self.server.address),
            trust: client::Trust::default(),
            cluster: "default".to_owned(),
            region: "us-east-1".to_owned(),
            capacity: Capacity::Serverless,
            runtime: self.runtime.clone(),
            network: self.network.clone(),
            data_dir: self.directory.path().join("agent"),
            state: None,
            join_credentials: Some(Credentials::new("AKIAROOT", "secret")),
            node_name: None,
            overcommit: Overcommit {
                cpu: 8.0,
                memory: 1.0,
            },
            attributes: Vec::new(),
            gpus: vec![],
            resources: Some(Resources {
                cpu_units: 2048,
                memory_mib: 4096,
            }),
            images: agent::ImageOptions::default(),
            clock: self.clock.clone(),
        };
        let running = async move { agent::run(options, std::future::pending()).await.unwrap() };
        self.agent = Some(self.clock.spawn("agent", running));
        let connected = |heard: &Heard| matches!(heard, Heard::AcsConnected(_)).then_some(());
        self.server.wait_for("the ACS connection", connected).await;
    }

    async fn kill_agent(&mut self) {
        let agent = self.agent.take().unwrap();
        agent.abort();
        let _ = agent.await;
        self.server.forget_but_logs();
        let state = self.directory.path().join("agent/agent-state");
        while engine_log::LogEngine::open(&state).is_err() {
            self.clock.sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whatever became of the story, nothing of it stays on the machine.
    async fn remove_everything(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.abort();
        }
        for container in self.runtime.list().await.unwrap() {
            self.runtime.remove(&container.id).await.unwrap();
            self.runtime
                .remove_task_group(&container.spec.task_id)
                .await
                .unwrap();
        }
        for (task_id, _) in TaskNetworks::list(&*self.network).await.unwrap() {
            self.network.teardown(&task_id).await.unwrap();
        }
        self.network.remove_base().await.unwrap();
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let _ = std::fs::remove_dir(hierarchy.path().join(&self.name));
        }
        let _ = std::fs::remove_dir(Path::new("/sys/fs/cgroup").join(&self.name));
    }

    fn give(&self, number: u32, task: acs::Task) {
        self.server.send(acs::PayloadMessage {
            message_id: Some(format!("m{number}")),
            cluster_arn: task.task_cluster_arn.clone(),
            container_instance_arn: Some("instance".to_owned()),
            seq_num: Some(number as i32),
            tasks: vec![task],
            ..Default::default()
        });
    }

    async fn submitted(&self, task: &acs::Task, status: &str) -> Value {
        let is_it = |heard: &Heard| match heard {
            Heard::Call(operation, input)
                if operation == "SubmitTaskStateChange"
                    && input["task"].as_str() == task.arn.as_deref()
                    && (input["status"] == status || input["status"] == "STOPPED") =>
            {
                Some(input.clone())
            }
            _ => None,
        };
        let change = self.server.wait_for(status, is_it).await;
        assert_eq!(change["status"], status, "{change}");
        change
    }

    /// The host reaches the task at its address.
    async fn ping(&self, host: u32) {
        let address = format!("10.214.1.{host}");
        let ping = tokio::process::Command::new("ping")
            .args(["-c1", "-W2", &address])
            .output()
            .await;
        match ping {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            // Any answer of the task's kernel will do: nothing listens there.
            Err(_) => {
                let error = tokio::net::TcpStream::connect((address.as_str(), 9))
                    .await
                    .unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
            }
        }
    }

    async fn is_clean(&self) {
        let tasks = self.directory.path().join("agent/tasks");
        for _ in 0..1000 {
            let files = std::fs::read_dir(&tasks).unwrap().count();
            let containers = self.runtime.list().await.unwrap().len();
            let namespaces = TaskNetworks::list(&*self.network).await.unwrap().len();
            if files + containers + namespaces == 0 {
                return;
            }
            self.clock.sleep(Duration::from_millis(10)).await;
        }
        panic!("something is left of the tasks");
    }

    /// Every task's first and last line came, the first before the agent died and the last after.
    fn logs_are_complete(&self) {
        for number in 1..2 + STARTS_MEASURED {
            let stream = format!("t/{number}");
            let lines: Vec<String> = self
                .server
                .heard()
                .into_iter()
                .filter_map(|heard| match heard {
                    Heard::Call(operation, input) if operation == "PutLogEvents" => Some(input),
                    _ => None,
                })
                .filter(|input| input["logStreamName"] == stream.as_str())
                .flat_map(|input| input["logEvents"].as_array().unwrap().clone())
                .map(|event| event["message"].as_str().unwrap().to_owned())
                .collect();
            assert!(
                lines.contains(&format!("hello from task {number}")),
                "{stream}: {lines:?}"
            );
            assert_eq!(
                lines.last().map(String::as_str),
                Some("bye"),
                "{stream}: {lines:?}"
            );
        }
    }
}

fn task(number: u32, host: u32) -> acs::Task {
    let host_config = docker::HostConfig {
        log_config: Some(docker::LogConfig {
            kind: Some("awslogs".into()),
            config: [
                ("awslogs-group", "g".to_owned()),
                ("awslogs-stream", format!("t/{number}")),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        }),
        ..Default::default()
    };
    acs::Task {
        arn: Some(format!(
            "arn:aws:ecs:us-east-1:123456789012:task/default/{number:08x}{:024x}",
            // A link's name comes from the first part of the id: there the ids have to differ.
            0
        )),
        task_cluster_arn: Some("arn:aws:ecs:us-east-1:123456789012:cluster/default".to_owned()),
        desired_status: Some(acs::DESIRED_RUNNING.to_owned()),
        family: Some("web".to_owned()),
        version: Some("1".to_owned()),
        network_mode: Some("awsvpc".to_owned()),
        cpu: Some(0.25),
        memory: Some(128),
        elastic_network_interfaces: vec![acs::ElasticNetworkInterface {
            mac_address: Some(format!("0a:58:0a:d6:01:{host:02x}")),
            ipv4_addresses: vec![acs::Ipv4AddressAssignment {
                private_address: Some(format!("10.214.1.{host}")),
                primary: Some(true),
            }],
            ..Default::default()
        }],
        containers: vec![acs::Container {
            name: Some("main".to_owned()),
            image: Some("busybox".to_owned()),
            command: vec!["/bin/sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned()],
            environment: [("NAME".to_owned(), format!("task {number}"))].into(),
            docker_config: Some(acs::DockerConfig {
                host_config: Some(host_config.encode()),
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    }
}
