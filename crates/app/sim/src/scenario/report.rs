//! What a play came to, as data.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub name: Option<String>,
    /// When it ended, since the services were made.
    pub seconds: f64,
    pub is_steady: bool,
    pub timeline: Vec<Entry>,
    pub events: Vec<Aftermath>,
    pub services: Vec<ServiceSummary>,
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub at_seconds: f64,
    pub kind: Kind,
    /// A service or a node; empty for events of the file.
    pub subject: String,
    pub message: String,
    /// Tasks that run on nodes that are there, of those that are desired; of services.
    pub running: Option<usize>,
    pub desired: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// What the file says.
    Event,
    /// What a service says, in ECS's words.
    Service,
    /// Tasks that ended and were not told to.
    Failure,
    Deployment,
    Node,
    /// The number of tasks that run changed.
    Running,
}

/// How long it took until all services were steady again.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Aftermath {
    pub at_seconds: f64,
    pub event: String,
    /// None: not before the next event, or the end. 0: they stayed steady.
    pub steady_after_seconds: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSummary {
    pub name: String,
    pub running: usize,
    pub desired: i32,
    pub is_steady: bool,
    /// Once the service had its tasks for the first time.
    pub lowest: Option<Lowest>,
    /// How long fewer ran than minimumHealthyPercent asks for.
    pub below_minimum_seconds: f64,
    pub failures: Vec<Failure>,
    /// Its service deployments with their statuses, the first one first.
    pub deployments: Vec<String>,
    /// What it waits for at the end, if it is not steady.
    pub waits_for: Vec<String>,
}

/// When it was nearest to its minimum, or farthest below.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lowest {
    pub running: usize,
    pub minimum: i32,
    pub at_seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub reason: String,
    pub tasks: usize,
}
