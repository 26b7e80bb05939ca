//! The file: YAML, of which JSON is a part. Whatever is wrong with it is told with line and column.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use ecs_rules::capacity_strategy::is_fargate;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_saphyr::{Location, Spanned};

/// Bytes of a file.
const FILE_BYTES_MOST: usize = 1 << 20;
const NODES_MOST: usize = 1000;
const SERVICES_MOST: usize = 100;
const PROVIDERS_MOST: usize = 20;
/// Tasks that are desired at one time, of all services.
const TASKS_MOST: i64 = 5000;
const EVENTS_MOST: usize = 1000;
const TIME_MOST: Duration = Duration::from_secs(24 * 3600);

/// Why a scenario can not be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("the file is larger than {FILE_BYTES_MOST} bytes")]
    TooLarge,
    #[error("{0}")]
    Unreadable(String),
    #[error("line {line}, column {column}: {reason}")]
    Wrong {
        line: u64,
        column: u64,
        reason: String,
    },
    #[error("{what} was refused: {reason}")]
    Refused { what: String, reason: String },
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    pub name: Option<String>,
    /// Of what the server draws: ids, and `random` placement.
    #[serde(default = "one")]
    pub seed: u64,
    /// The server's `--node-lost-after`.
    #[serde(default = "five_minutes", deserialize_with = "time")]
    pub node_lost_after: Duration,
    /// When the play ends; without it, when all is steady after the last event, at most an hour later.
    #[serde(default, deserialize_with = "some_time")]
    pub until: Option<Duration>,
    /// Of Auto Scaling groups; FARGATE and FARGATE_SPOT are there without being told.
    #[serde(default)]
    pub capacity_providers: Vec<Spanned<CapacityProvider>>,
    pub nodes: Vec<Spanned<Nodes>>,
    pub services: Vec<Spanned<Service>>,
    #[serde(default)]
    pub events: Vec<Spanned<Event>>,
}

/// An Auto Scaling group's; nodes say that they are its instances.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapacityProvider {
    pub name: String,
    /// Tasks without room wait in PROVISIONING for nodes that come.
    #[serde(default)]
    pub managed_scaling: bool,
}

/// Nodes of one kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nodes {
    /// Of one node; of several the beginning, `NAME-1` and so on.
    pub name: String,
    #[serde(default = "one")]
    pub count: u64,
    #[serde(default = "first_zone")]
    pub zone: String,
    /// CPU units: 1024 are one.
    pub cpu: i32,
    /// MiB.
    pub memory: i32,
    #[serde(default = "ec2")]
    pub launch_type: LaunchType,
    /// Of which they are instances.
    pub capacity_provider: Option<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LaunchType {
    Ec2,
    Fargate,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    pub name: String,
    /// Of REPLICA only: a DAEMON has a task on each node.
    pub desired_count: Option<i32>,
    #[serde(default)]
    pub scheduling_strategy: SchedulingStrategy,
    #[serde(default = "ec2")]
    pub launch_type: LaunchType,
    /// Instead of a launch type.
    #[serde(default)]
    pub capacity_provider_strategy: Vec<StrategyItem>,
    #[serde(default = "quarter_cpu")]
    pub cpu: i32,
    #[serde(default = "half_gib")]
    pub memory: i32,
    /// Of EC2: a port of the node, so that there is at most one task a node.
    pub host_port: Option<u16>,
    pub minimum_healthy_percent: Option<i32>,
    pub maximum_percent: Option<i32>,
    pub deployment_circuit_breaker: Option<CircuitBreaker>,
    /// ROLLING or BLUE_GREEN.
    pub strategy: Option<String>,
    pub bake_time_in_minutes: Option<i32>,
    #[serde(default)]
    pub placement_strategy: Vec<PlacementStrategy>,
    #[serde(default)]
    pub placement_constraints: Vec<PlacementConstraint>,
    #[serde(default)]
    pub tasks: Tasks,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchedulingStrategy {
    #[default]
    Replica,
    Daemon,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StrategyItem {
    pub capacity_provider: String,
    pub weight: Option<i32>,
    pub base: Option<i32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircuitBreaker {
    pub enable: bool,
    pub rollback: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlacementStrategy {
    pub r#type: String,
    pub field: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlacementConstraint {
    pub r#type: String,
    pub expression: Option<String>,
}

/// What the tasks of a service do.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tasks {
    #[serde(deserialize_with = "time")]
    pub starts_after: Duration,
    pub fails_to_start: bool,
    /// How long they run before they end by themselves.
    #[serde(deserialize_with = "some_time")]
    pub crashes_after: Option<Duration>,
    pub exit_code: i32,
    /// With this, or with `sickAfter`, they have a health check.
    #[serde(deserialize_with = "some_time")]
    pub healthy_after: Option<Duration>,
    #[serde(deserialize_with = "some_time")]
    pub sick_after: Option<Duration>,
    #[serde(deserialize_with = "time")]
    pub stops_after: Duration,
}

/// Something that happens; one thing each.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// Since the services were made.
    #[serde(deserialize_with = "time")]
    pub at: Duration,
    pub deploy: Option<Deploy>,
    pub scale: Option<Scale>,
    pub lose_zone: Option<Spanned<String>>,
    pub restore_zone: Option<Spanned<String>>,
    pub lose_node: Option<Spanned<String>>,
    pub restore_node: Option<Spanned<String>>,
    pub add_nodes: Option<Spanned<Nodes>>,
    /// A container instance.
    pub drain: Option<Spanned<String>>,
    pub activate: Option<Spanned<String>>,
    /// Fargate capacity: its FARGATE_SPOT tasks have to go.
    pub interrupt_spot: Option<Spanned<String>>,
}

/// A new revision of the task definition; what is not said stays.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deploy {
    pub service: Spanned<String>,
    pub tasks: Option<Tasks>,
    pub cpu: Option<i32>,
    pub memory: Option<i32>,
    pub minimum_healthy_percent: Option<i32>,
    pub maximum_percent: Option<i32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scale {
    pub service: Spanned<String>,
    pub desired_count: i32,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            starts_after: Duration::from_secs(1),
            fails_to_start: false,
            crashes_after: None,
            exit_code: 1,
            healthy_after: None,
            sick_after: None,
            stops_after: Duration::from_secs(1),
        }
    }
}

impl Scenario {
    /// Reads and checks a file.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        if text.len() > FILE_BYTES_MOST {
            return Err(ScenarioError::TooLarge);
        }
        let scenario: Self = serde_saphyr::from_str(text).map_err(|error| {
            let told = error.to_string();
            ScenarioError::Unreadable(told.trim_start_matches("error: ").to_owned())
        })?;
        scenario.check()?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let mut known = Known::default();
        if let Some(first) = self.nodes.first() {
            bound(self.nodes.len(), NODES_MOST, "nodes", &first.referenced)?;
        }
        for provider in &self.capacity_providers {
            let (name, place) = (&provider.value.name, &provider.referenced);
            if is_fargate(name) || !known.providers.insert(name.clone()) {
                return wrong(
                    place,
                    format!("there is a capacity provider {name} already"),
                );
            }
            bound(
                known.providers.len(),
                PROVIDERS_MOST,
                "capacity providers",
                place,
            )?;
        }
        for nodes in &self.nodes {
            known.add_nodes(nodes)?;
        }
        if let Some(first) = self.services.first() {
            bound(
                self.services.len(),
                SERVICES_MOST,
                "services",
                &first.referenced,
            )?;
        }
        for service in &self.services {
            known.add_service(service)?;
        }
        if let Some(first) = self.events.first() {
            bound(self.events.len(), EVENTS_MOST, "events", &first.referenced)?;
        }
        let mut before = Duration::ZERO;
        for event in &self.events {
            if event.value.at < before {
                return wrong(&event.referenced, "events must be in the order of time");
            }
            before = event.value.at;
            known.check_event(event)?;
        }
        if let (Some(until), Some(last)) = (self.until, self.events.last())
            && last.value.at > until
        {
            return wrong(&last.referenced, "this is after `until`");
        }
        Ok(())
    }
}

impl Service {
    pub fn is_daemon(&self) -> bool {
        self.scheduling_strategy == SchedulingStrategy::Daemon
    }

    /// Whether its tasks run on Gantry's own capacity.
    pub fn is_on_fargate(&self) -> bool {
        match self.capacity_provider_strategy.first() {
            Some(item) => is_fargate(&item.capacity_provider),
            None => self.launch_type == LaunchType::Fargate,
        }
    }
}

impl Nodes {
    pub fn names(&self) -> Vec<String> {
        match self.count {
            1 => vec![self.name.clone()],
            count => (1..=count)
                .map(|number| format!("{}-{number}", self.name))
                .collect(),
        }
    }
}

/// What names mean.
#[derive(Default)]
struct Known {
    /// With the zone of each, and whether it is a container instance.
    nodes: BTreeMap<String, (String, bool)>,
    /// With the desired count, if it has one.
    services: BTreeMap<String, Option<i64>>,
    providers: BTreeSet<String>,
}

impl Known {
    fn add_nodes(&mut self, nodes: &Spanned<Nodes>) -> Result<(), ScenarioError> {
        let (own, place) = (&nodes.value, &nodes.referenced);
        if own.count == 0 || own.count > NODES_MOST as u64 {
            return wrong(place, format!("count must be within 1 and {NODES_MOST}"));
        }
        if own.cpu < 1 || own.memory < 1 {
            return wrong(place, "cpu and memory must be more than 0");
        }
        if let Some(provider) = &own.capacity_provider {
            if !self.providers.contains(provider) {
                return wrong(place, format!("there is no capacity provider {provider}"));
            }
            if own.launch_type == LaunchType::Fargate {
                return wrong(place, "Fargate capacity is of no Auto Scaling group");
            }
        }
        for name in own.names() {
            let is_instance = own.launch_type == LaunchType::Ec2;
            let node = (own.zone.clone(), is_instance);
            if self.nodes.insert(name.clone(), node).is_some() {
                return wrong(place, format!("there are two nodes of the name {name}"));
            }
        }
        bound(self.nodes.len(), NODES_MOST, "nodes", place)
    }

    fn add_service(&mut self, service: &Spanned<Service>) -> Result<(), ScenarioError> {
        let (own, place) = (&service.value, &service.referenced);
        for item in &own.capacity_provider_strategy {
            let name = &item.capacity_provider;
            if !is_fargate(name) && !self.providers.contains(name) {
                return wrong(place, format!("there is no capacity provider {name}"));
            }
        }
        if own.is_on_fargate() && own.host_port.is_some() {
            return wrong(
                place,
                "a task on Fargate has an address of its own: hostPort is for EC2",
            );
        }
        if own.is_daemon() == own.desired_count.is_some() {
            let reason = "desiredCount is for a service that is no DAEMON, which needs it";
            return wrong(place, reason);
        }
        let desired = own.desired_count.map(i64::from);
        if self.services.insert(own.name.clone(), desired).is_some() {
            return wrong(place, format!("there are two services {}", own.name));
        }
        self.check_tasks(place)
    }

    fn check_tasks(&self, place: &Location) -> Result<(), ScenarioError> {
        let tasks: i64 = self.services.values().flatten().sum();
        if tasks > TASKS_MOST || self.services.values().flatten().any(|count| *count < 0) {
            let reason = format!("desired are at most {TASKS_MOST} tasks in all, and none below 0");
            return wrong(place, reason);
        }
        Ok(())
    }

    fn check_event(&mut self, event: &Spanned<Event>) -> Result<(), ScenarioError> {
        let own = &event.value;
        let said = [
            own.deploy.is_some(),
            own.scale.is_some(),
            own.lose_zone.is_some(),
            own.restore_zone.is_some(),
            own.lose_node.is_some(),
            own.restore_node.is_some(),
            own.add_nodes.is_some(),
            own.drain.is_some(),
            own.activate.is_some(),
            own.interrupt_spot.is_some(),
        ];
        if said.iter().filter(|is_said| **is_said).count() != 1 {
            return wrong(
                &event.referenced,
                "an event is one of deploy, scale, loseZone, restoreZone, loseNode, restoreNode, addNodes, drain, activate, interruptSpot",
            );
        }
        let services = own.deploy.iter().map(|deploy| &deploy.service);
        for service in services.chain(own.scale.iter().map(|scale| &scale.service)) {
            if !self.services.contains_key(&service.value) {
                let reason = format!("there is no service {}", service.value);
                return wrong(&service.referenced, reason);
            }
        }
        if let Some(scale) = &own.scale {
            let (name, place) = (&scale.service.value, &scale.service.referenced);
            if self.services.get(name) == Some(&None) {
                return wrong(place, format!("{name} is a DAEMON, which the nodes scale"));
            }
            let desired = Some(i64::from(scale.desired_count));
            self.services.insert(name.clone(), desired);
            self.check_tasks(&scale.service.referenced)?;
        }
        let zones: BTreeSet<&str> = self.nodes.values().map(|(zone, _)| zone.as_str()).collect();
        for zone in own.lose_zone.iter().chain(&own.restore_zone) {
            if !zones.contains(zone.value.as_str()) {
                return wrong(
                    &zone.referenced,
                    format!("no node is in the zone {}", zone.value),
                );
            }
        }
        let of_instances = own.drain.iter().chain(&own.activate);
        let named = own.lose_node.iter().chain(&own.restore_node);
        let named = named.chain(&own.interrupt_spot);
        for node in named.chain(of_instances.clone()) {
            if !self.nodes.contains_key(&node.value) {
                return wrong(&node.referenced, format!("there is no node {}", node.value));
            }
        }
        for node in of_instances {
            if !self.nodes[&node.value].1 {
                let reason = format!("{} is Fargate capacity, which does not drain", node.value);
                return wrong(&node.referenced, reason);
            }
        }
        if let Some(node) = &own.interrupt_spot
            && self.nodes[&node.value].1
        {
            let reason = format!("{} is no Fargate capacity", node.value);
            return wrong(&node.referenced, reason);
        }
        match &own.add_nodes {
            Some(nodes) => self.add_nodes(nodes),
            None => Ok(()),
        }
    }
}

fn bound(count: usize, most: usize, what: &str, place: &Location) -> Result<(), ScenarioError> {
    match count > most {
        true => wrong(place, format!("there may be at most {most} {what}")),
        false => Ok(()),
    }
}

fn wrong<T>(place: &Location, reason: impl Into<String>) -> Result<T, ScenarioError> {
    Err(ScenarioError::Wrong {
        line: place.line(),
        column: place.column(),
        reason: reason.into(),
    })
}

fn one() -> u64 {
    1
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn first_zone() -> String {
    "us-east-1a".to_owned()
}

fn ec2() -> LaunchType {
    LaunchType::Ec2
}

fn quarter_cpu() -> i32 {
    256
}

fn half_gib() -> i32 {
    512
}

/// `90s`, `2m`, `1m30s`, `1h`, `500ms`, or a number of seconds.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let time = deserializer.deserialize_any(TimeVisitor)?;
    if time > TIME_MOST {
        return Err(D::Error::custom("a time is at most 24h"));
    }
    Ok(time)
}

fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    struct Time(Duration);
    impl<'de> Deserialize<'de> for Time {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            time(deserializer).map(Time)
        }
    }
    Ok(Option::<Time>::deserialize(deserializer)?.map(|time| time.0))
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Duration;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a time such as 500ms, 90s, 2m, 1m30s or 1h")
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Duration, E> {
        Ok(Duration::from_secs(seconds))
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Duration, E> {
        let seconds = u64::try_from(seconds);
        seconds
            .map(Duration::from_secs)
            .map_err(|_| E::custom("a time is not below 0"))
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Duration, E> {
        let time = Duration::try_from_secs_f64(seconds).map_err(E::custom)?;
        Ok(Duration::from_millis(time.as_millis() as u64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        read_time(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

fn read_time(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut time = Duration::ZERO;
    if let Ok(seconds) = rest.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit())?;
        let number: u32 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|sign: char| sign.is_ascii_digit())
            .unwrap_or(rest.len());
        let millis = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        rest = &rest[letters..];
        time += Duration::from_millis(u64::from(number) * millis);
    }
    (!text.trim().is_empty()).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, millis) in [
            ("500ms", 500),
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("7", 7000),
        ] {
            assert_eq!(
                read_time(text),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in ["", "x", "5", "-5s", "5 s", "5d", "s"] {
            assert_eq!(read_time(text).is_some(), text == "5", "{text}");
        }
    }

    fn told(text: &str) -> String {
        let head = "nodes: [{name: a, cpu: 1024, memory: 2048}]\nservices:\n  - {name: web, desiredCount: 2}\n";
        match Scenario::parse(&format!("{head}{text}")) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert_eq!(told(""), "");
        assert_eq!(told("events:\n  - {at: 1m, loseNode: a}\n"), "");
        for (text, line, reason) in [
            (
                "events:\n  - {at: 1m, loseNode: b}\n",
                5,
                "there is no node b",
            ),
            (
                "events:\n  - at: 1m\n    deploy: {service: shop}\n",
                6,
                "there is no service shop",
            ),
            ("events:\n  - {at: 1m}\n", 5, "an event is one of"),
            (
                "events:\n  - {at: 2m, drain: a}\n  - {at: 1m, drain: a}\n",
                6,
                "order of time",
            ),
            (
                "events:\n  - {at: 2m, loseZone: x}\n",
                5,
                "no node is in the zone x",
            ),
            (
                "until: 1m\nevents:\n  - {at: 2m, drain: a}\n",
                6,
                "after `until`",
            ),
            (
                "events:\n  - at: 1m\n    scale: {service: web, desiredCount: 9000}\n",
                6,
                "at most 5000",
            ),
            (
                "events:\n  - {at: 2m, interruptSpot: a}\n",
                5,
                "no Fargate capacity",
            ),
            (
                "  - {name: log, schedulingStrategy: DAEMON, desiredCount: 1}\n",
                4,
                "no DAEMON",
            ),
            (
                "  - {name: x, desiredCount: 1, capacityProviderStrategy: [{capacityProvider: y}]}\n",
                4,
                "no capacity provider y",
            ),
            ("seed: many\n", 4, "seed"),
            ("until: soon\n", 4, "a time such as"),
            ("unknown: 1\n", 4, "unknown"),
        ] {
            let told = told(text);
            assert!(told.contains(reason), "{text}: {told}");
            assert!(
                told.contains(&format!("{line}")),
                "{text}: line {line} in {told}"
            );
        }
        let twice =
            "nodes: [{name: a, cpu: 1, memory: 1}, {name: a, cpu: 1, memory: 1}]\nservices: []\n";
        let error = Scenario::parse(twice)
            .expect_err("two of a name")
            .to_string();
        assert_eq!(
            error,
            "line 1, column 39: there are two nodes of the name a"
        );
        let large = " ".repeat(FILE_BYTES_MOST + 1);
        assert!(matches!(
            Scenario::parse(&large),
            Err(ScenarioError::TooLarge)
        ));
    }

    #[test]
    fn json_is_a_scenario_too() {
        let text = r#"{"nodes": [{"name": "n", "count": 3, "cpu": 1024, "memory": 2048}],
            "services": [{"name": "web", "desiredCount": 1, "tasks": {"startsAfter": "2s", "crashesAfter": 1.5}}]}"#;
        let scenario = Scenario::parse(text).expect("it is one");
        assert_eq!(scenario.nodes[0].value.names(), ["n-1", "n-2", "n-3"]);
        let tasks = scenario.services[0].value.tasks;
        assert_eq!(tasks.starts_after, Duration::from_secs(2));
        assert_eq!(tasks.crashes_after, Some(Duration::from_millis(1500)));
    }
}
