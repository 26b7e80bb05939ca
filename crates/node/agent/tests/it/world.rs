//! One node and its server, and the words to tell stories about them.

use std::path::PathBuf;
use std::sync::Arc;

use agent::{Capacity, Options, Overcommit, Resources};
use clock::Clock;
use identity::Credentials;
use link::acs;
use serde_json::Value;
use state::Engine;
use tokio::task::JoinHandle;

use crate::fake_runtime::{FakeNetworks, FakeRuntime};
use crate::fake_server::{FakeServer, Heard};

pub const CLUSTER: &str = "arn:aws:ecs:us-east-1:123456789012:cluster/default";

pub struct World {
    pub server: Arc<FakeServer>,
    pub runtime: Arc<FakeRuntime>,
    pub networks: Arc<FakeNetworks>,
    pub clock: Clock,
    directory: tempfile::TempDir,
    agent: Option<JoinHandle<()>>,
    state: Option<Arc<dyn Engine>>,
}

impl World {
    /// A node whose agent is connected.
    pub async fn new() -> Self {
        Self::with_state(None).await
    }

    /// One that keeps its state elsewhere than on the disk.
    pub async fn with_state(state: Option<Arc<dyn Engine>>) -> Self {
        let clock = Clock::system();
        let mut world = Self {
            server: FakeServer::start().await,
            runtime: FakeRuntime::new(clock.clone()),
            networks: Arc::default(),
            clock,
            directory: tempfile::tempdir().unwrap(),
            agent: None,
            state,
        };
        world.start_agent().await;
        world
    }

    pub async fn start_agent(&mut self) {
        let options = Options {
            endpoint: format!("http://{}", self.server.address),
            trust: client::Trust::default(),
            cluster: "default".to_owned(),
            region: "us-east-1".to_owned(),
            capacity: Capacity::Serverless,
            runtime: self.runtime.clone(),
            network: self.networks.clone(),
            data_dir: self.data_dir(),
            state: self.state.clone(),
            join_credentials: Some(Credentials::new("AKIAROOT", "secret")),
            node_name: Some("node".to_owned()),
            overcommit: Overcommit::default(),
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
        self.server
            .wait_for("the ACS connection", |heard| {
                matches!(heard, Heard::AcsConnected(_)).then_some(())
            })
            .await;
    }

    /// As `kill -9` does: nothing is told, nothing is closed in order.
    pub async fn kill_agent(&mut self) {
        let agent = self.agent.take().unwrap();
        agent.abort();
        let _ = agent.await;
        self.server.forget();
        // What a process's end does at once takes its tasks a moment: letting go of the state.
        let state = self.data_dir().join("agent-state");
        for _ in 0..500 {
            if engine_log::LogEngine::open(&state).is_ok() {
                return;
            }
            self.clock.sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the killed agent holds on to its state");
    }

    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("agent")
    }

    pub fn give(&self, message_id: &str, number: i32, tasks: Vec<acs::Task>) {
        self.server.send(acs::PayloadMessage {
            message_id: Some(message_id.to_owned()),
            cluster_arn: Some(CLUSTER.to_owned()),
            container_instance_arn: Some("instance".to_owned()),
            seq_num: Some(number),
            tasks,
            ..Default::default()
        });
    }

    pub async fn acknowledged(&self, message_id: &str) {
        self.server
            .wait_for(&format!("the ack of {message_id}"), |heard| match heard {
                Heard::Acs(acs::Message::Ack(ack))
                    if ack.message_id.as_deref() == Some(message_id) =>
                {
                    Some(())
                }
                _ => None,
            })
            .await;
    }

    /// The first state change of the task with this status.
    pub async fn submitted(&self, task: &acs::Task, status: &str) -> Value {
        self.server
            .wait_for(
                &format!("{status} of {:?}", task.arn),
                |heard| match heard {
                    Heard::Call(operation, input)
                        if operation == "SubmitTaskStateChange"
                            && input["task"].as_str() == task.arn.as_deref()
                            && input["status"] == status =>
                    {
                        Some(input.clone())
                    }
                    _ => None,
                },
            )
            .await
    }

    /// Waits until the node has nothing of any task.
    pub async fn clean(&self) {
        for _ in 0..500 {
            let files = std::fs::read_dir(self.data_dir().join("tasks"))
                .map_or(0, |entries| entries.count());
            let namespaces = self.networks.namespaces.lock().unwrap().len();
            let groups = self.runtime.groups.lock().unwrap().len();
            if self.runtime.ids().is_empty() && files + namespaces + groups == 0 {
                return;
            }
            self.clock.sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!(
            "something is left: {:?} {:?}",
            self.runtime.ids(),
            self.networks.namespaces.lock().unwrap()
        );
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.abort();
        }
    }
}

/// A task of containers given as (name, image).
pub fn task(number: u32, containers: &[(&str, &str)]) -> acs::Task {
    acs::Task {
        arn: Some(format!(
            "arn:aws:ecs:us-east-1:123456789012:task/default/{number:032x}"
        )),
        task_cluster_arn: Some(CLUSTER.to_owned()),
        desired_status: Some(acs::DESIRED_RUNNING.to_owned()),
        family: Some("web".to_owned()),
        version: Some("1".to_owned()),
        launch_type: Some("FARGATE".to_owned()),
        network_mode: Some("awsvpc".to_owned()),
        cpu: Some(0.25),
        memory: Some(512),
        elastic_network_interfaces: vec![acs::ElasticNetworkInterface {
            mac_address: Some("0a:58:ac:1f:00:05".to_owned()),
            ipv4_addresses: vec![acs::Ipv4AddressAssignment {
                private_address: Some("172.31.0.5".to_owned()),
                primary: Some(true),
            }],
            subnet_gateway_ipv4_address: Some("172.31.0.1/20".to_owned()),
            ..Default::default()
        }],
        containers: containers
            .iter()
            .map(|(name, image)| acs::Container {
                name: Some((*name).to_owned()),
                image: Some((*image).to_owned()),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

pub fn stopped(task: &acs::Task) -> acs::Task {
    acs::Task {
        desired_status: Some(acs::DESIRED_STOPPED.to_owned()),
        ..task.clone()
    }
}

pub fn id(task: &acs::Task, container: &str) -> String {
    format!(
        "{}-{container}",
        task.arn.as_deref().unwrap().rsplit('/').next().unwrap()
    )
}

/// The container's entry in a state change.
pub fn container<'a>(change: &'a Value, name: &str) -> &'a Value {
    let containers = change["containers"].as_array().unwrap();
    containers
        .iter()
        .find(|container| container["containerName"] == name)
        .unwrap()
}
