//! Looks at the tables whenever they have changed, and at the machines, and writes the timeline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use clock::UnixMillis;
use ecs_rules::{
    deployment::bounds, deployment_configuration::MINIMUM_HEALTHY_PERCENT, task_state::stop_code,
};
use service_ecs::records::{
    ContainerInstanceRecord, RolloutState, ServiceDeploymentRecord, ServiceEventRecord,
    ServiceRecord, ServiceRevisionRecord, TaskRecord, TaskStatus,
};
use state::{Head, Record};

use super::report::{Aftermath, Entry, Failure, Kind, Lowest, Report, ServiceSummary};
use crate::{node::machine::Machine, world::World};

/// Changes of a count alone are told at most so often.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(1);
const MORE_INFORMATION: &str = " For more information, see the Troubleshooting section";

pub(super) struct Watch {
    world: Arc<World>,
    /// When the services are made.
    zero: UnixMillis,
    timeline: Vec<Entry>,
    services: BTreeMap<String, Watched>,
    nodes: BTreeMap<String, &'static str>,
    /// Tasks whose end was told.
    ended: BTreeSet<String>,
    aftermaths: Vec<Aftermath>,
    revision: u64,
    looked_at: UnixMillis,
}

/// A service, as it was at the last look.
struct Watched {
    seen: Seen,
    deployment: Option<(String, &'static str)>,
    last_event: i64,
    told_running: usize,
    told_at: UnixMillis,
    /// The desired count that it has had the tasks for.
    reached: Option<i32>,
    lowest: Option<Lowest>,
    below_minimum: Duration,
    failures: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    running: usize,
    desired: i32,
    minimum_percent: i32,
    is_steady: bool,
}

/// What one look at the tables finds of a service.
struct Found {
    name: String,
    /// `family:revision` of its deployments, by their ids.
    definitions: BTreeMap<String, String>,
    seen: Seen,
    deployment: Option<(String, &'static str)>,
    events: Vec<Arc<ServiceEventRecord>>,
    ended: Vec<Arc<TaskRecord>>,
}

impl Watch {
    pub fn new(world: &Arc<World>) -> Self {
        let zero = world.clock.now();
        Self {
            world: Arc::clone(world),
            zero,
            timeline: vec![],
            services: BTreeMap::new(),
            nodes: BTreeMap::new(),
            ended: BTreeSet::new(),
            aftermaths: vec![],
            revision: 0,
            looked_at: zero,
        }
    }

    pub fn is_steady(&self) -> bool {
        self.services.values().all(|watched| watched.seen.is_steady)
    }

    /// Something of the file has just happened.
    pub fn event(&mut self, text: String) {
        let at = self.since_zero(self.world.clock.now());
        self.aftermaths.push(Aftermath {
            at_seconds: at,
            event: text.clone(),
            steady_after_seconds: Some(0.0),
        });
        self.tell(at, Kind::Event, "", text, None);
    }

    /// Looks, if there is anything new to see.
    pub fn tick(&mut self) {
        let Some(server) = self.world.server() else {
            return;
        };
        let revision = server.store.read(Head::revision).head();
        let is_owing = self
            .services
            .values()
            .any(|watched| watched.told_running != watched.seen.running);
        if revision != self.revision || is_owing {
            self.revision = revision;
            self.look();
        }
    }

    pub fn look(&mut self) {
        let Some(server) = self.world.server() else {
            return;
        };
        let now = self.world.clock.now();
        let was_steady = self.is_steady();
        let passed = now.since(self.looked_at);
        self.looked_at = now;
        let machines = self.world.all_machines();
        let machines: BTreeMap<&str, &Arc<Machine>> = machines
            .iter()
            .map(|machine| (machine.id.as_str(), machine))
            .collect();
        let last_events: BTreeMap<&str, i64> = self
            .services
            .iter()
            .map(|(name, watched)| (name.as_str(), watched.last_event))
            .collect();
        let read = server.store.read(|head| {
            let nodes: Vec<_> = head.scan::<ContainerInstanceRecord>("").cloned().collect();
            let names: BTreeMap<String, String> = nodes
                .iter()
                .map(|node| (node.key(), node.node_id.clone()))
                .collect();
            let services = head.scan::<ServiceRecord>("");
            let found: Vec<Found> = services
                .map(|service| find(head, service, &names, &machines, &last_events))
                .collect();
            (nodes, found)
        });
        let (nodes, found) = read.head();
        self.look_at_nodes(&nodes, now);
        for service in found {
            self.look_at_service(service, &nodes, now, passed);
        }
        self.look_at_aftermath(was_steady, now);
    }

    /// The end: what it came to.
    pub fn report(mut self, name: Option<String>) -> Report {
        self.look();
        let is_steady = self.is_steady();
        let seconds = self.since_zero(self.world.clock.now());
        let deployments = self.deployments();
        let mut waits = self.waits();
        let services = self.services.into_iter().map(|(name, watched)| {
            let failures = watched.failures.into_iter();
            ServiceSummary {
                running: watched.seen.running,
                desired: watched.seen.desired,
                is_steady: watched.seen.is_steady,
                lowest: watched.lowest,
                below_minimum_seconds: watched.below_minimum.as_secs_f64(),
                failures: failures
                    .map(|(reason, tasks)| Failure { reason, tasks })
                    .collect(),
                deployments: deployments.get(&name).cloned().unwrap_or_default(),
                waits_for: waits.remove(&name).unwrap_or_default(),
                name,
            }
        });
        Report {
            name,
            seconds,
            is_steady,
            services: services.collect(),
            timeline: self.timeline,
            events: self.aftermaths,
        }
    }

    fn deployments(&self) -> BTreeMap<String, Vec<String>> {
        let Some(server) = self.world.server() else {
            return BTreeMap::new();
        };
        let read = server.store.read(|head| {
            let mut all: Vec<_> = head.scan::<ServiceDeploymentRecord>("").collect();
            all.sort_by_key(|deployment| deployment.created_at);
            let mut by_service: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for deployment in all {
                let definitions = definitions(head, &deployment.service_key());
                let of = definitions.get(&deployment.target.deployment_id);
                let of = of.map_or("a revision", String::as_str);
                let own = by_service.entry(deployment.service.clone()).or_default();
                own.push(format!("{of} {}", deployment.status.as_str()));
            }
            by_service
        });
        read.head()
    }

    /// What those wait for that are not steady.
    fn waits(&self) -> BTreeMap<String, Vec<String>> {
        let Some(server) = self.world.server() else {
            return BTreeMap::new();
        };
        let read = server.store.read(|head| {
            let services = head.scan::<ServiceRecord>("");
            let explained = services.filter_map(|service| {
                let explained = server.ecs.explain_service(head, &service.key())?;
                let waits = explained.waits_for.iter().map(ToString::to_string);
                Some((service.name.clone(), waits.collect()))
            });
            explained.collect()
        });
        let mut waits: BTreeMap<String, Vec<String>> = read.head();
        waits.retain(|name, _| !self.services[name].seen.is_steady);
        waits
    }

    fn look_at_nodes(&mut self, nodes: &[Arc<ContainerInstanceRecord>], now: UnixMillis) {
        let at = self.since_zero(now);
        for node in nodes {
            let state = match (node.status.as_str(), node.connection.connected) {
                ("ACTIVE", true) => "connected",
                ("ACTIVE", false) => "its agent is disconnected",
                (other, _) => other,
            };
            let before = self.nodes.insert(node.node_id.clone(), state);
            let is_beginning = before.is_none() && at == 0.0;
            if before != Some(state) && !is_beginning {
                self.tell(at, Kind::Node, &node.node_id, state.to_owned(), None);
            }
        }
    }

    fn look_at_service(
        &mut self,
        found: Found,
        nodes: &[Arc<ContainerInstanceRecord>],
        now: UnixMillis,
        passed: Duration,
    ) {
        let at = self.since_zero(now);
        let name = found.name.clone();
        let mut lines: Vec<(Kind, String)> = vec![];
        let told_at = self.zero;
        let watched = self
            .services
            .entry(name.clone())
            .or_insert_with(|| Watched::new(told_at));
        let new = found
            .ended
            .iter()
            .filter(|task| self.ended.insert(task.id.clone()));
        let failures = failures(new.cloned(), nodes);
        for (reason, tasks) in failures {
            *watched.failures.entry(reason.clone()).or_default() += tasks;
            let word = if tasks == 1 { "task" } else { "tasks" };
            lines.push((Kind::Failure, format!("{tasks} {word} ended: {reason}")));
        }
        if found.deployment != watched.deployment {
            if let Some((id, status)) = &found.deployment {
                let of = found.definitions.get(id).map_or("", String::as_str);
                lines.push((Kind::Deployment, format!("deployment of {of} {status}")));
            }
            watched.deployment = found.deployment;
        }
        for event in found.events {
            watched.last_event = event.sequence;
            lines.push((Kind::Service, words(&event, nodes, &found.definitions)));
        }
        watched.account(found.seen, at, passed);
        let is_due = now.since(watched.told_at) >= TOLD_AGAIN_AFTER;
        if lines.is_empty() && watched.told_running != found.seen.running && is_due {
            let text = format!("{} → {} running", watched.told_running, found.seen.running);
            lines.push((Kind::Running, text));
        }
        if !lines.is_empty() {
            watched.told_running = found.seen.running;
            watched.told_at = now;
        }
        for (kind, message) in lines {
            self.tell(at, kind, &name, message, Some(found.seen));
        }
    }

    fn look_at_aftermath(&mut self, was_steady: bool, now: UnixMillis) {
        let at = self.since_zero(now);
        let is_steady = self.is_steady();
        let Some(last) = self.aftermaths.last_mut() else {
            return;
        };
        if !is_steady {
            last.steady_after_seconds = None;
        } else if !was_steady {
            last.steady_after_seconds = Some(round(at - last.at_seconds));
        }
    }

    fn tell(&mut self, at: f64, kind: Kind, subject: &str, message: String, seen: Option<Seen>) {
        self.timeline.push(Entry {
            at_seconds: at,
            kind,
            subject: subject.to_owned(),
            message,
            running: seen.map(|seen| seen.running),
            desired: seen.map(|seen| seen.desired),
        });
    }

    fn since_zero(&self, at: UnixMillis) -> f64 {
        round(at.since(self.zero).as_secs_f64())
    }
}

impl Watched {
    fn new(now: UnixMillis) -> Self {
        Self {
            seen: Seen::default(),
            deployment: None,
            last_event: 0,
            told_running: 0,
            told_at: now,
            reached: None,
            lowest: None,
            below_minimum: Duration::ZERO,
            failures: BTreeMap::new(),
        }
    }

    /// Takes in what is seen now; `passed` is for how long it was as it was before.
    fn account(&mut self, seen: Seen, at: f64, passed: Duration) {
        if let Some(minimum) = self.minimum(self.seen)
            && count(self.seen.running) < minimum
        {
            self.below_minimum += passed;
        }
        self.seen = seen;
        let running = count(seen.running);
        // What is asked for since a moment ago is not owed before it was there once.
        self.reached = match self.reached {
            _ if running >= seen.desired => Some(seen.desired),
            Some(reached) => Some(reached.min(seen.desired)),
            None => None,
        };
        let Some(minimum) = self.minimum(seen) else {
            return;
        };
        let margin = |lowest: &Lowest| count(lowest.running) - lowest.minimum;
        if self
            .lowest
            .as_ref()
            .is_none_or(|known| running - minimum < margin(known))
        {
            self.lowest = Some(Lowest {
                running: seen.running,
                minimum,
                at_seconds: at,
            });
        }
    }

    fn minimum(&self, seen: Seen) -> Option<i32> {
        let reached = self.reached?;
        Some(bounds(reached, seen.minimum_percent, 200).0)
    }
}

fn find(
    head: &Head,
    service: &ServiceRecord,
    names: &BTreeMap<String, String>,
    machines: &BTreeMap<&str, &Arc<Machine>>,
    last_events: &BTreeMap<&str, i64>,
) -> Found {
    let key = service.key();
    let tasks = head.index::<TaskRecord>("by_service", &key);
    let (ended, living): (Vec<_>, Vec<_>) = tasks
        .into_iter()
        .partition(|task| task.last_status == TaskStatus::Stopped);
    let runs = |task: &TaskRecord| {
        let node = task.container_instance_key.as_ref();
        let machine = node.and_then(|key| machines.get(names.get(key)?.as_str()));
        task.last_status == TaskStatus::Running
            && machine.is_some_and(|machine| {
                let held = machine.held();
                let known = held.tasks.get(&task.arn());
                !held.is_lost && known.is_some_and(|known| known.is_running())
            })
    };
    let running = living.iter().filter(|task| runs(task)).count();
    let desired = service.desired_count;
    let deployment = service.service_deployment_key();
    let deployment = deployment.and_then(|key| head.get::<ServiceDeploymentRecord>(&key));
    let is_over = deployment
        .as_ref()
        .is_none_or(|deployment| deployment.status.is_over());
    let is_completed = service
        .primary()
        .is_some_and(|primary| primary.rollout_state == RolloutState::Completed);
    let after = last_events.get(service.name.as_str()).copied().unwrap_or(0);
    let events = head.scan::<ServiceEventRecord>(&format!("{key}/"));
    let minimum = service.deployment_configuration.minimum_healthy_percent;
    Found {
        name: service.name.clone(),
        definitions: definitions(head, &key),
        seen: Seen {
            running,
            desired,
            minimum_percent: minimum.unwrap_or(MINIMUM_HEALTHY_PERCENT),
            is_steady: count(running) == desired
                && count(living.len()) == desired
                && service.deployments.len() == 1
                && is_completed
                && is_over,
        },
        deployment: deployment.map(|deployment| {
            let of = deployment.target.deployment_id.clone();
            (of, deployment.status.as_str())
        }),
        events: events
            .filter(|event| event.sequence > after)
            .cloned()
            .collect(),
        ended,
    }
}

/// Tasks that ended although nobody told them to, by reason.
fn failures(
    tasks: impl Iterator<Item = Arc<TaskRecord>>,
    nodes: &[Arc<ContainerInstanceRecord>],
) -> BTreeMap<String, usize> {
    let mut by_reason = BTreeMap::new();
    for task in tasks {
        let reason = task.stopped_reason.as_deref().unwrap_or("no reason");
        let is_scheduler =
            task.stop_code.as_deref() == Some(stop_code::SERVICE_SCHEDULER_INITIATED);
        if is_scheduler && reason.starts_with("Scaling activity") {
            continue;
        }
        let mut containers = task.containers.iter();
        let detail = containers.find_map(|container| {
            let of_code = |code: i32| format!("exit code {code}");
            let reason = container.reason.clone();
            reason.or_else(|| container.exit_code.map(of_code))
        });
        let text = match detail.filter(|_| !is_scheduler) {
            Some(detail) => format!("{reason} ({detail})"),
            None => reason.to_owned(),
        };
        let text = with_names(text.trim_end_matches('.'), nodes);
        *by_reason.entry(text).or_insert(0) += 1;
    }
    by_reason
}

/// A service event without what every line would repeat: the service, lists of tasks, where to read more. Container
/// instances are called by their names.
fn words(
    event: &ServiceEventRecord,
    nodes: &[Arc<ContainerInstanceRecord>],
    definitions: &BTreeMap<String, String>,
) -> String {
    let prefix = format!("(service {}) ", event.service);
    let text = event
        .message
        .strip_prefix(&prefix)
        .unwrap_or(&event.message);
    let text = text.split(": (task").next().unwrap_or(text);
    let text = text.split(MORE_INFORMATION).next().unwrap_or(text);
    let text = with_names(text.trim_end_matches('.'), nodes);
    let known = definitions.iter();
    known.fold(text, |text, (id, definition)| text.replace(id, definition))
}

/// Container instances by the names of their nodes.
fn with_names(text: &str, nodes: &[Arc<ContainerInstanceRecord>]) -> String {
    let named = nodes.iter().filter(|node| text.contains(&node.id));
    named.fold(text.to_owned(), |told, node| {
        told.replace(&node.id, &node.node_id)
    })
}

/// What the deployments of a service run.
fn definitions(head: &Head, service_key: &str) -> BTreeMap<String, String> {
    let revisions = head.scan::<ServiceRevisionRecord>(&format!("{service_key}/"));
    let of = revisions.map(|revision| {
        let spec = &revision.task_spec;
        let definition = format!("{}:{}", spec.family, spec.revision);
        (revision.deployment_id.clone(), definition)
    });
    of.collect()
}

fn count(tasks: usize) -> i32 {
    i32::try_from(tasks).unwrap_or(i32::MAX)
}

/// Tenths of a second: more precisely nobody looks.
fn round(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
