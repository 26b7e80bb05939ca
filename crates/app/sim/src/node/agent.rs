//! The agent on a machine: registers, keeps its sessions, drives tasks. It may be killed at any moment; the next one
//! takes over what the machine holds.

use std::sync::Arc;
use std::time::Duration;

use api_ecs::{operations as op, types::*};
use clock::{Clock, Process};

use super::{acs, driver, machine::Machine, tcs};
use crate::{network::CallError, server, world::World};

/// An agent that was deregistered asks again after a while (Amazon's after an hour).
const INACTIVE_PAUSE: Duration = Duration::from_secs(120);
const RECONNECT_MOST: Duration = Duration::from_secs(30);

/// One run of the agent.
#[derive(Clone)]
pub struct Agent {
    pub world: Arc<World>,
    pub machine: Arc<Machine>,
    /// What is spawned through it ends with the agent.
    pub clock: Clock,
}

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Come back at once.
    Normal,
    Failed,
    /// The container instance was deregistered.
    Inactive,
}

/// Starts an agent on a machine that has none.
pub fn start(world: &Arc<World>, machine: &Arc<Machine>) {
    let process = Process::new();
    {
        let mut held = machine.held();
        if held.is_lost || held.agent.is_some() {
            return;
        }
        held.agent = Some(process.clone());
    }
    let agent = Agent {
        world: Arc::clone(world),
        machine: Arc::clone(machine),
        clock: world.clock.of_process(&process),
    };
    agent.note(format_args!("starts"));
    drop(agent.clock.clone().spawn("agent", agent.run()));
}

impl Agent {
    async fn run(self) {
        let known: Vec<String> = self.machine.held().tasks.keys().cloned().collect();
        for arn in known {
            driver::spawn(&self, arn);
        }
        loop {
            let instance_arn = self.register().await;
            drop(
                self.clock
                    .spawn("tcs", tcs::keep(self.clone(), instance_arn.clone())),
            );
            self.keep_connected(&instance_arn).await;
            self.clock.sleep(INACTIVE_PAUSE).await;
        }
    }

    /// The container instance's ARN, as soon as the server gives it.
    async fn register(&self) -> String {
        let mut pause = Duration::from_millis(250);
        let known = self.machine.held().instance_arn.clone();
        let token = format!("{:016x}", self.machine.lot.number());
        let request = registration(&self.machine, known, token);
        loop {
            let caller = server::node(&self.machine.id);
            let answer = self
                .world
                .call::<op::RegisterContainerInstance>(&caller, request.clone())
                .await;
            match answer {
                Ok(answer) => {
                    let instance = answer.container_instance.unwrap_or_default();
                    let arn = instance.container_instance_arn.unwrap_or_default();
                    self.note(format_args!("is {arn}"));
                    self.machine.held().instance_arn = Some(arn.clone());
                    return arn;
                }
                Err(CallError::Refused(error)) => {
                    self.world.trace.violated(format_args!(
                        "{} may not register: {} {}",
                        self.machine.id, error.code, error.message
                    ));
                }
                Err(CallError::Unknown) => {}
            }
            self.clock
                .sleep(self.machine.lot.duration(pause / 2, pause))
                .await;
            pause = (pause * 2).min(RECONNECT_MOST);
        }
    }

    /// Until the instance is deregistered.
    async fn keep_connected(&self, instance_arn: &str) {
        let mut acs = acs::Acs::new(self.clone(), instance_arn.to_owned());
        let mut pause = Duration::from_millis(250);
        loop {
            let end = acs.serve().await;
            self.machine.held().is_connected = false;
            self.note(format_args!("ACS ended: {end:?}"));
            match end {
                End::Normal => pause = Duration::from_millis(250),
                End::Failed => pause = (pause * 2).min(RECONNECT_MOST),
                End::Inactive => return,
            }
            self.clock
                .sleep(self.machine.lot.duration(pause / 2, pause))
                .await;
        }
    }

    pub fn note(&self, what: std::fmt::Arguments<'_>) {
        self.world
            .trace
            .note(format_args!("{}: {what}", self.machine.id));
    }
}

fn registration(
    machine: &Machine,
    container_instance_arn: Option<String>,
    client_token: String,
) -> RegisterContainerInstanceRequest {
    let offer = &machine.offer;
    let integer = |name: &str, value: i32| Resource {
        name: Some(name.into()),
        r#type: Some("INTEGER".into()),
        integer_value: Some(value),
        ..Resource::default()
    };
    let attribute = |name: String, value: Option<&str>| Attribute {
        name: Some(name),
        value: value.map(Into::into),
        ..Attribute::default()
    };
    let capacity = if offer.is_serverless {
        "serverless"
    } else {
        "container-instance"
    };
    let mut attributes = vec![
        attribute("gantry.capacity".into(), Some(capacity)),
        attribute("ecs.os-type".into(), Some("linux")),
        attribute("ecs.cpu-architecture".into(), Some("x86_64")),
        attribute("ecs.capability.task-eni".into(), None),
        attribute("ecs.capability.container-ordering".into(), None),
        attribute("ecs.capability.container-health-check".into(), None),
    ];
    let versions = (17..=32).map(|minor| {
        let name = format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}");
        attribute(name, None)
    });
    attributes.extend(versions);
    let own = offer.attributes.iter();
    attributes.extend(own.map(|(name, value)| attribute(name.clone(), Some(value))));
    RegisterContainerInstanceRequest {
        cluster: (!offer.is_serverless).then(|| "default".to_owned()),
        container_instance_arn,
        client_token: Some(client_token),
        total_resources: Some(vec![
            integer("CPU", offer.cpu_units),
            integer("MEMORY", offer.memory_mib),
        ]),
        attributes: Some(attributes),
        ..RegisterContainerInstanceRequest::default()
    }
}
