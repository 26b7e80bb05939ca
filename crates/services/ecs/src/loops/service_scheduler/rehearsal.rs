//! What a change of a service would lead to: the change itself, the planner and placement, in a transaction that is
//! taken back. Nothing of it is seen by anybody. Tasks do what they should, one second after they are told: they run
//! and are healthy, or end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use api_ecs::types::UpdateServiceRequest;
use clock::UnixMillis;
use kit::LoopError;
use state::{Record, StateError, Tx};
use wire::{Caller, Error};

use super::{act, look};
use crate::{
    Ecs,
    answer::{Refusal, state_error},
    records::{
        DesiredStatus, HealthStatus, ServiceEventRecord, ServiceRecord, TaskRecord, TaskStatus,
    },
    tasks,
};

/// Looks at the service, and actions, that one rehearsal may take: the writers wait for it.
const ROUNDS_MOST: usize = 400;
const ACTIONS_MOST: usize = 1000;
/// How far it looks ahead.
const HORIZON: Duration = Duration::from_secs(24 * 3600);
/// How long a task takes to start or to stop.
const TASK_TAKES: Duration = Duration::from_secs(1);

/// What would happen.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsal {
    pub actions: Vec<Action>,
    pub outcome: Outcome,
    pub desired_count: i32,
    /// The most and the fewest tasks that are RUNNING at any time of it.
    pub most_running: usize,
    pub fewest_running: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Since the change, with tasks that take a second to start and to stop.
    pub after: Duration,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Start(Arc<TaskRecord>),
    Stop(Arc<TaskRecord>),
    /// What the service's events would say.
    Event(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All tasks run that should, of the deployment that should.
    Steady,
    /// Nothing happens any more, although it is not steady; what it waits for.
    Waiting(String),
    /// There would be more: the rehearsal has an end.
    Cut,
}

/// How a transaction that is to be taken back ends.
enum Ended {
    Rehearsed(Box<Rehearsal>),
    Refused(Error),
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<StateError> for Ended {
    fn from(error: StateError) -> Self {
        Self::Refused(state_error(&error))
    }
}

impl From<LoopError> for Ended {
    fn from(error: LoopError) -> Self {
        match error {
            LoopError::State(error) => error.into(),
            LoopError::Other(reason) => Self::Refused(Error::internal(reason)),
        }
    }
}

impl Ecs {
    /// What UpdateService with this request would lead to.
    pub async fn rehearse_update_service(
        &self,
        caller: &Caller,
        input: &UpdateServiceRequest,
    ) -> Result<Rehearsal, Error> {
        let ended = self.store.transact(|tx| {
            let service = self.update_service(tx, caller, input)?;
            let rehearsal = rehearse(self, tx, &service.key())?;
            Err::<(), _>(Ended::Rehearsed(Box::new(rehearsal)))
        });
        // What it rests on may leave only when it is durable.
        let durable = self.store.barrier().await;
        durable.map_err(|error| state_error(&error))?;
        match ended {
            Ok(_) => Err(Error::internal("The rehearsal did not end.")),
            Err(Ended::Rehearsed(rehearsal)) => Ok(*rehearsal),
            Err(Ended::Refused(error)) => Err(error),
        }
    }
}

fn rehearse(ecs: &Ecs, tx: &mut Tx<'_>, key: &str) -> Result<Rehearsal, Ended> {
    let began = ecs.clock.now();
    let mut now = began;
    let mut seen = Seen::of(tx, key);
    let running_at_first = running(tx, key);
    let mut rehearsal = Rehearsal {
        actions: vec![],
        outcome: Outcome::Cut,
        desired_count: 0,
        most_running: running_at_first,
        fewest_running: running_at_first,
    };
    for _ in 0..ROUNDS_MOST {
        let Some(known) = tx.get::<ServiceRecord>(key) else {
            break;
        };
        let look = look::look(tx, &known, now);
        // Of a DAEMON service the nodes say it.
        rehearsal.desired_count = look.desired_count;
        if look.asks_for_work(&known, now) {
            let mut service = ServiceRecord::clone(&known);
            act::act(ecs, tx, &mut service, &look, now)?;
            tx.put(service);
        }
        let after = now.since(began);
        let has_acted = seen.note(tx, key, after, &mut rehearsal.actions);
        rehearsal.count(running(tx, key));
        let has_moved = advance(tx, key, now + TASK_TAKES);
        if has_acted || has_moved {
            now = now + TASK_TAKES;
            seen.update(tx, key);
            rehearsal.count(running(tx, key));
        } else if look.plan.steady {
            rehearsal.outcome = Outcome::Steady;
            break;
        } else {
            let next = look.times.iter().filter(|time| **time > now).min();
            match next.filter(|next| next.since(began) <= HORIZON) {
                Some(next) => now = *next,
                None => {
                    let waits: Vec<String> = look
                        .plan
                        .waits_for
                        .iter()
                        .map(|wait| wait.to_string())
                        .collect();
                    rehearsal.outcome = Outcome::Waiting(waits.join(", "));
                    break;
                }
            }
        }
        if rehearsal.actions.len() >= ACTIONS_MOST {
            rehearsal.actions.truncate(ACTIONS_MOST);
            break;
        }
    }
    Ok(rehearsal)
}

impl Rehearsal {
    fn count(&mut self, running: usize) {
        self.most_running = self.most_running.max(running);
        self.fewest_running = self.fewest_running.min(running);
    }
}

/// Tasks that are RUNNING; one that was told to stop is not.
fn running(tx: &Tx<'_>, key: &str) -> usize {
    let tasks = tx.index::<TaskRecord>("by_service", key);
    let running = tasks.iter();
    running
        .filter(|task| task.last_status == TaskStatus::Running)
        .count()
}

/// What was told already.
struct Seen {
    tasks: BTreeMap<String, Arc<TaskRecord>>,
    stopping: BTreeSet<String>,
    last_event: i64,
}

impl Seen {
    fn of(tx: &Tx<'_>, key: &str) -> Self {
        let mut seen = Self {
            tasks: BTreeMap::new(),
            stopping: BTreeSet::new(),
            last_event: 0,
        };
        seen.update(tx, key);
        seen
    }

    /// Tells what is new; false if nothing is.
    fn note(&self, tx: &Tx<'_>, key: &str, after: Duration, actions: &mut Vec<Action>) -> bool {
        let before = actions.len();
        let mut add = |what| actions.push(Action { after, what });
        let tasks = tx.index::<TaskRecord>("by_service", key);
        for task in &tasks {
            let is_stopping = task.desired_status == DesiredStatus::Stopped;
            if is_stopping && !self.stopping.contains(&task.id) {
                add(What::Stop(Arc::clone(task)));
            }
        }
        for task in tasks {
            if !self.tasks.contains_key(&task.id) {
                add(What::Start(task));
            }
        }
        for event in tx.scan::<ServiceEventRecord>(&format!("{key}/")) {
            if event.sequence > self.last_event {
                add(What::Event(event.message.clone()));
            }
        }
        actions.len() > before
    }

    fn update(&mut self, tx: &Tx<'_>, key: &str) {
        let tasks = tx.index::<TaskRecord>("by_service", key);
        let is_stopping = |task: &&Arc<TaskRecord>| task.desired_status == DesiredStatus::Stopped;
        self.stopping = tasks
            .iter()
            .filter(is_stopping)
            .map(|task| task.id.clone())
            .collect();
        let tasks = tasks.into_iter();
        self.tasks = tasks.map(|task| (task.id.clone(), task)).collect();
        let events = tx.scan::<ServiceEventRecord>(&format!("{key}/"));
        self.last_event = events.last().map_or(0, |event| event.sequence);
    }
}

/// Tasks that were told to start run, and those that were told to stop have ended. False if there were none.
fn advance(tx: &mut Tx<'_>, key: &str, now: UnixMillis) -> bool {
    let mut has_moved = false;
    for known in tx.index::<TaskRecord>("by_service", key) {
        if known.last_status == TaskStatus::Stopped {
            continue;
        }
        let mut task = TaskRecord::clone(&known);
        if task.desired_status == DesiredStatus::Stopped {
            tasks::finish(&mut task, now);
        } else if task.last_status < TaskStatus::Running && task.container_instance_key.is_some() {
            task.last_status = TaskStatus::Running;
            task.started_at = Some(now);
            let mut is_checked = false;
            for container in &mut task.containers {
                container.last_status = TaskStatus::Running.as_str().into();
                if container.has_health_check {
                    container.health = HealthStatus::Healthy;
                    is_checked |= container.essential;
                }
            }
            if is_checked {
                task.health = HealthStatus::Healthy;
            }
        } else {
            continue;
        }
        has_moved = true;
        task.version += 1;
        tasks::write(tx, task);
    }
    has_moved
}
