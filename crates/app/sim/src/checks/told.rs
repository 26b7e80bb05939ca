//! What clients were told, and that it is never taken back.

use std::collections::{BTreeMap, BTreeSet};

use api_ecs::types::Task;

/// The order of a task's life.
const LIFE: [&str; 8] = [
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
];

/// Everything that answers said, of all clients.
#[derive(Default)]
pub struct Told {
    tasks: BTreeMap<String, TaskTold>,
    /// Tasks by the token of the request that made them.
    tokens: BTreeMap<String, BTreeSet<String>>,
    /// How many tasks a request asked for, by its `startedBy`.
    asked: BTreeMap<String, u64>,
}

/// The most that was said of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskTold {
    last_status: String,
    desired_status: String,
    container_instance_arn: Option<String>,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    started_at: Option<i64>,
    version: i64,
}

impl Told {
    /// What was told so far: an answer to a request that is made from now on must not say less.
    pub fn of_tasks(&self, arns: &[String]) -> BTreeMap<String, TaskTold> {
        let known = arns.iter().filter_map(|arn| {
            let told = self.tasks.get(arn)?;
            Some((arn.clone(), told.clone()))
        });
        known.collect()
    }

    pub fn task_arns(&self) -> impl Iterator<Item = &String> {
        self.tasks.keys()
    }

    /// Tasks that were not told to have stopped.
    pub fn living_tasks(&self) -> impl Iterator<Item = &String> {
        let tasks = self.tasks.iter();
        tasks
            .filter(|(_, told)| told.last_status != "STOPPED")
            .map(|(arn, _)| arn)
    }

    /// Remembers an answer; the error says what it took back.
    pub fn task(&mut self, task: &Task, before: Option<&TaskTold>) -> Result<(), String> {
        let arn = task.task_arn.clone().unwrap_or_default();
        let said = TaskTold::of(task);
        if let Some(before) = before
            && let Some(wrong) = said.takes_back(before)
        {
            return Err(format!("{arn}: {wrong}"));
        }
        let known = self.tasks.entry(arn).or_default();
        if known.takes_back(&said).is_some() {
            *known = said;
        }
        Ok(())
    }

    /// The same token must mean the same tasks.
    pub fn token(&mut self, token: &str, arns: BTreeSet<String>) -> Result<(), String> {
        let known = self
            .tokens
            .entry(token.to_owned())
            .or_insert_with(|| arns.clone());
        if *known != arns {
            return Err(format!("token {token} made {known:?} and then {arns:?}"));
        }
        Ok(())
    }

    pub fn asked_for(&mut self, started_by: &str, count: u64) {
        self.asked.insert(started_by.to_owned(), count);
    }

    pub fn asked(&self) -> &BTreeMap<String, u64> {
        &self.asked
    }
}

impl TaskTold {
    fn of(task: &Task) -> Self {
        Self {
            last_status: task.last_status.clone().unwrap_or_default(),
            desired_status: task.desired_status.clone().unwrap_or_default(),
            container_instance_arn: task.container_instance_arn.clone(),
            stop_code: task.stop_code.as_ref().map(|code| code.as_str().to_owned()),
            stopped_reason: task.stopped_reason.clone(),
            started_at: task.started_at.map(|at| at.as_millis()),
            version: task.version.unwrap_or_default(),
        }
    }

    fn takes_back(&self, before: &Self) -> Option<String> {
        let is_back = status_rank(&self.last_status) < status_rank(&before.last_status)
            || (before.desired_status == "STOPPED" && self.desired_status != "STOPPED")
            || self.version < before.version
            || is_other(&before.container_instance_arn, &self.container_instance_arn)
            || is_other(&before.stop_code, &self.stop_code)
            || is_other(&before.stopped_reason, &self.stopped_reason)
            || is_other(&before.started_at, &self.started_at);
        is_back.then(|| format!("clients were told {before:?} and then {self:?}"))
    }
}

pub fn status_rank(status: &str) -> usize {
    LIFE.iter().position(|known| *known == status).unwrap_or(0)
}

fn is_other<T: PartialEq>(before: &Option<T>, now: &Option<T>) -> bool {
    before.is_some() && before != now
}
