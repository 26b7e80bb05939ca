//! A machine: what of it outlives its agent. Containers run by the clock, whether an agent looks or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use clock::{Process, UnixMillis};
use link::acs;
use tokio::sync::Notify;

use crate::{lot::Lot, workload::behaviour::Behaviour, world::lock};

/// What a machine offers.
#[derive(Debug, Clone)]
pub struct Offer {
    pub is_serverless: bool,
    pub cpu_units: i32,
    pub memory_mib: i32,
    /// Beside those that every machine has.
    pub attributes: Vec<(String, String)>,
}

impl Offer {
    /// The Availability Zone that it says to be in.
    pub fn zone(&self) -> Option<&str> {
        self.attribute("ecs.availability-zone")
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        let own = self.attributes.iter().find(|(known, _)| known == name)?;
        Some(&own.1)
    }
}

pub struct Machine {
    /// The node's principal.
    pub id: String,
    pub offer: Offer,
    pub lot: Lot,
    held: Mutex<Held>,
}

/// What the machine's disk and its containers are.
#[derive(Default)]
pub struct Held {
    /// Of the container instance, once registered.
    pub instance_arn: Option<String>,
    /// The highest number of a manifest or payload that was believed.
    pub timeline: i64,
    /// Tasks by ARN.
    pub tasks: BTreeMap<String, Task>,
    /// Those that were here and are gone; a payload does not begin them again.
    pub ended: BTreeSet<String>,
    /// The agent that runs, if one does.
    pub agent: Option<Process>,
    /// The ACS session stands.
    pub is_connected: bool,
    /// Gone for good.
    pub is_lost: bool,
}

/// A task on its machine.
#[derive(Clone)]
pub struct Task {
    pub container_names: Vec<String>,
    pub cluster: String,
    pub behaviour: Behaviour,
    pub phase: Phase,
    /// What the server took in last.
    pub told: Told,
    pub stop_wanted: bool,
    /// Wakes its driver.
    pub changed: Arc<Notify>,
}

/// A life of a task; times are of the containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    Pulling {
        until: UnixMillis,
    },
    Running {
        since: UnixMillis,
        until: Option<UnixMillis>,
    },
    Stopped {
        exit_code: Option<i32>,
        reason: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    Nothing,
    Running,
    Stopped,
}

impl Machine {
    pub fn new(id: String, offer: Offer, lot: Lot) -> Arc<Self> {
        Arc::new(Self {
            id,
            offer,
            lot,
            held: Mutex::default(),
        })
    }

    pub fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }

    pub fn is_lost(&self) -> bool {
        self.held().is_lost
    }

    /// Ends the agent; containers go on.
    pub async fn stop_agent(&self) {
        let agent = {
            let mut held = self.held();
            held.is_connected = false;
            held.agent.take()
        };
        if let Some(agent) = agent {
            agent.kill().await;
        }
    }

    /// Power off: containers end, and nobody has told anyone.
    pub fn lose_containers(&self) {
        for task in self.held().tasks.values_mut() {
            if !matches!(task.phase, Phase::Stopped { .. }) {
                task.phase = Phase::Stopped {
                    exit_code: None,
                    reason: Some("The machine was restarted.".into()),
                };
            }
        }
    }
}

impl Held {
    /// Brings a task's phase to what it is by now.
    pub fn settle(&mut self, arn: &str, now: UnixMillis, lot: &Lot) -> Option<&mut Task> {
        let task = self.tasks.get_mut(arn)?;
        loop {
            task.phase = match &task.phase {
                Phase::Pulling { .. } if task.stop_wanted => Phase::Stopped {
                    exit_code: None,
                    reason: Some("TaskStoppedBeforePullBeginError: Task stopped before image pull could begin for task".into()),
                },
                Phase::Pulling { until } if *until <= now => task.behaviour.begin(*until, lot),
                Phase::Running { until: Some(until), .. } if *until <= now => Phase::Stopped {
                    exit_code: Some(task.behaviour.exit_code()),
                    reason: None,
                },
                _ => return Some(task),
            };
        }
    }
}

impl Task {
    pub fn of_payload(task: &acs::Task, now: UnixMillis, lot: &Lot) -> Self {
        let image = task
            .containers
            .first()
            .and_then(|first| first.image.as_deref());
        let behaviour = Behaviour::of_image(image.unwrap_or_default());
        Self {
            container_names: task
                .containers
                .iter()
                .filter_map(|container| container.name.clone())
                .collect(),
            cluster: task.task_cluster_arn.clone().unwrap_or_default(),
            phase: Phase::Pulling {
                until: now + behaviour.pull(lot),
            },
            behaviour,
            told: Told::Nothing,
            stop_wanted: false,
            changed: Arc::new(Notify::new()),
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// How long until the phase changes by itself.
    pub fn next_change(&self, now: UnixMillis) -> Option<Duration> {
        match &self.phase {
            Phase::Pulling { until } => Some(until.since(now)),
            Phase::Running { until, .. } => until.map(|until| until.since(now)),
            Phase::Stopped { .. } => None,
        }
    }
}
