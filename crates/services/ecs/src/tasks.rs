//! Makes tasks, and stops them: what RunTask, the service scheduler and the loops share.
//!
//! A task is made, placed and given its address in one transaction, so that its start costs the server one commit.

pub(crate) mod capacity;
mod failures;
mod make;
mod pool;
mod start_on;

use api_ecs::types::{NetworkConfiguration, TaskOverride};
use clock::UnixMillis;
use ecs_rules::task_state::{ContainerStatus, stop_code};
use placement::{Explanation, Filter, Standing};
use state::{Head, Record, StateError, Tx};
use wire::Stored;

use crate::{
    Ecs,
    assign::{self, AssignError},
    launch::Placing,
    records::{
        ContainerInstanceRecord, DesiredStatus, Tags, TaskDefinitionRecord, TaskRecord, TaskStatus,
    },
};

pub use pool::Wanted;
pub(crate) use start_on::{StartedOn, create_on};

/// What a task is made of.
#[derive(Debug, Clone)]
pub(crate) struct NewTask<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub cluster: &'a str,
    pub definition: &'a TaskDefinitionRecord,
    pub launch: Launch,
    pub group: String,
    pub service: Option<String>,
    pub deployment_id: Option<String>,
    pub started_by: Option<String>,
    pub network_configuration: Option<Stored<NetworkConfiguration>>,
    pub overrides: Option<Stored<TaskOverride>>,
    pub placing: Placing,
    pub enable_execute_command: bool,
    pub reference_id: Option<String>,
    pub tags: Tags,
}

/// On whose capacity a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// FARGATE, EC2 or EXTERNAL.
    pub launch_type: String,
    pub capacity_provider: Option<String>,
    /// Fargate's only.
    pub platform_version: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Creation {
    /// On a node, with its address; the node is told as soon as this is durable.
    Placed(TaskRecord),
    /// Written without a node: the ones that would fit are disconnected right now. `place_waiting` goes on.
    Waiting(TaskRecord),
    /// Nothing was written.
    NoRoom(NoRoom),
}

/// Why no node takes a task.
#[derive(Debug)]
pub(crate) struct NoRoom {
    pub explanation: Explanation,
    /// There was a node, but no address.
    pub no_address: Option<String>,
    /// The task's capacity provider has no container instance.
    pub is_provider_empty: bool,
}

impl Launch {
    pub fn is_serverless(&self) -> bool {
        self.launch_type == "FARGATE"
    }
}

/// Makes a task and places it.
pub(crate) fn create(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    new: &NewTask<'_>,
) -> Result<Creation, StateError> {
    let mut task = make::record(ecs, new);
    let wanted = Wanted::of(&task, make::required_attributes(new), &new.placing);
    let placed = place(ecs, tx, &mut task, &wanted)?;
    Ok(match placed {
        Placed::Yes => {
            tx.insert(task.clone())?;
            Creation::Placed(task)
        }
        Placed::Later => {
            task.last_status = TaskStatus::Provisioning;
            tx.insert(task.clone())?;
            Creation::Waiting(task)
        }
        Placed::No(no_room) => Creation::NoRoom(no_room),
    })
}

/// The container instances that don't take such a task, at most so many, with the reason of each.
pub(crate) fn refusals(
    ecs: &Ecs,
    head: &Head,
    new: &NewTask<'_>,
    most: usize,
) -> Vec<(String, Filter)> {
    let wanted = wanted_of_new(ecs, new);
    let refused = wanted.refusals(head, most).into_iter();
    refused.map(|(node, filter)| (node.arn(), filter)).collect()
}

/// The nodes of a cluster, or the serverless ones, that tasks of the definition may be on, full or not, by key.
pub(crate) fn matching_nodes(
    head: &Head,
    account: &str,
    region: &str,
    cluster: &str,
    definition: &TaskDefinitionRecord,
    placing: &Placing,
    is_serverless: bool,
) -> Vec<(String, Standing)> {
    let required = make::required(definition, is_serverless);
    let cluster = if is_serverless { "" } else { cluster };
    pool::Wanted::of_definition((account, region, cluster), required, placing).matching(head)
}

/// What placement is asked about a task as it was asked for; none when one of its expressions is none any more.
pub(crate) fn wanted(head: &Head, task: &TaskRecord) -> Option<Wanted> {
    let placing = Placing::of_record(task.placing.as_deref())?;
    let required = make::required_attributes_of_waiting(head, task);
    Some(Wanted::of(task, required, &placing))
}

/// What placement would be asked about a new task.
pub(crate) fn wanted_of_new(ecs: &Ecs, new: &NewTask<'_>) -> Wanted {
    let task = make::record(ecs, new);
    Wanted::of(&task, make::required_attributes(new), &new.placing)
}

/// As [`matching_nodes`], of one node; `None` if placement does not know it.
pub(crate) fn node_matches(
    head: &Head,
    node: &ContainerInstanceRecord,
    definition: &TaskDefinitionRecord,
    placing: &Placing,
) -> Option<bool> {
    let required = make::required(definition, false);
    let scope = (
        node.account.as_str(),
        node.region.as_str(),
        node.cluster.as_str(),
    );
    pool::Wanted::of_definition(scope, required, placing).matches(head, &node.id)
}

/// Tries again to place a task that waits; true when it has a node now.
pub(crate) fn place_again(ecs: &Ecs, tx: &mut Tx<'_>, key: &str) -> Result<bool, StateError> {
    let Some(mut task) = waiting(tx, key) else {
        return Ok(true);
    };
    let Some(wanted) = wanted(tx, &task) else {
        return Ok(false);
    };
    match place(ecs, tx, &mut task, &wanted)? {
        Placed::Yes => {
            if task.launch_type != "FARGATE" && task.network_interface.is_none() {
                task.last_status = TaskStatus::Pending;
            }
            task.version += 1;
            tx.put(task);
            Ok(true)
        }
        Placed::Later | Placed::No(_) => Ok(false),
    }
}

/// Ends a task that no node took for too long. The reason is the one that RunTask answers where nothing waits
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>: "or stopped reason").
pub(crate) fn give_up_waiting(ecs: &Ecs, tx: &mut Tx<'_>, key: &str, now: UnixMillis) {
    let Some(mut task) = waiting(tx, key) else {
        return;
    };
    if let Some(wanted) = wanted(tx, &task) {
        task.placement = Some(wanted.place(tx, ecs.clock.random_u64()).explanation);
    }
    let reason = capacity::why_none_came(tx, &task);
    tx.put(task);
    stop(tx, key, stop_code::TASK_FAILED_TO_START, reason, now);
}

/// A task that has no node and is to get one.
fn waiting(head: &Head, key: &str) -> Option<TaskRecord> {
    let known = head.get::<TaskRecord>(key)?;
    let is_waiting = known.container_instance_key.is_none()
        && known.desired_status == DesiredStatus::Running
        && known.last_status == TaskStatus::Provisioning;
    is_waiting.then(|| TaskRecord::clone(&known))
}

/// Asks a task to stop; the first cause is kept. One without a node is STOPPED at once. False if it was stopping already.
pub(crate) fn stop(
    tx: &mut Tx<'_>,
    key: &str,
    stop_code: &str,
    reason: &str,
    now: UnixMillis,
) -> bool {
    let Some(known) = tx.get::<TaskRecord>(key) else {
        return false;
    };
    if known.desired_status == DesiredStatus::Stopped {
        return false;
    }
    let mut task = TaskRecord::clone(&known);
    task.desired_status = DesiredStatus::Stopped;
    task.stop_code = Some(stop_code.to_owned());
    task.stopped_reason = Some(reason.to_owned());
    task.stopping_at = Some(now);
    task.version += 1;
    if task.container_instance_key.is_none() {
        finish(&mut task, now);
    } else {
        task.last_status = task.last_status.max(TaskStatus::Stopping);
    }
    write(tx, task);
    true
}

/// Ends a task whose node will never report again.
pub(crate) fn abandon(
    tx: &mut Tx<'_>,
    key: &str,
    stop_code: &str,
    reason: &str,
    now: UnixMillis,
) -> bool {
    let Some(known) = tx.get::<TaskRecord>(key) else {
        return false;
    };
    if known.last_status == TaskStatus::Stopped {
        return false;
    }
    let mut task = TaskRecord::clone(&known);
    if task.desired_status == DesiredStatus::Running {
        task.desired_status = DesiredStatus::Stopped;
        task.stop_code = Some(stop_code.to_owned());
        task.stopped_reason = Some(reason.to_owned());
        task.stopping_at = Some(now);
    }
    task.version += 1;
    finish(&mut task, now);
    write(tx, task);
    true
}

/// Writes a task's record; a STOPPED one gives its address back, and the deployment learns how its task fared.
pub(crate) fn write(tx: &mut Tx<'_>, task: TaskRecord) {
    if let Some(before) = tx.get::<TaskRecord>(&task.key()) {
        failures::count(tx, &before, &task);
    }
    if task.last_status == TaskStatus::Stopped {
        assign::release(tx, &task);
    }
    tx.put(task);
}

/// The end of every task: STOPPED, its containers too, its interface gone.
pub(crate) fn finish(task: &mut TaskRecord, now: UnixMillis) {
    task.last_status = TaskStatus::Stopped;
    task.desired_status = DesiredStatus::Stopped;
    task.stopped_at.get_or_insert(now);
    for container in &mut task.containers {
        container.last_status = ContainerStatus::Stopped.as_str().into();
    }
    if let Some(interface) = &mut task.network_interface {
        interface.status = "DELETED".into();
    }
}

enum Placed {
    Yes,
    Later,
    No(NoRoom),
}

fn place(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    task: &mut TaskRecord,
    wanted: &Wanted,
) -> Result<Placed, StateError> {
    let choice = wanted.place(tx, ecs.clock.random_u64());
    let node = choice.chosen.and_then(|id| wanted.node(tx, &id));
    task.placement = Some(choice.explanation.clone());
    let Some(node) = node else {
        // A node that is only away for a moment (the server was restarted) is worth waiting for, as Fargate's user
        // never sees nodes. On container instances AWS answers AGENT at once.
        let is_worth_waiting = task.launch_type == "FARGATE"
            && choice.explanation.refused.contains_key(&Filter::Agent);
        if is_worth_waiting || capacity::may_wait(tx, task) {
            return Ok(Placed::Later);
        }
        return Ok(Placed::No(NoRoom {
            explanation: choice.explanation,
            no_address: None,
            is_provider_empty: capacity::is_provider_empty(tx, task),
        }));
    };
    if task.network_configuration.is_some() {
        match assign::network_interface(tx, task, &ecs.clock) {
            Ok(interface) => task.network_interface = Some(interface),
            Err(AssignError::State(error)) => return Err(error),
            Err(error) => {
                return Ok(Placed::No(NoRoom {
                    explanation: choice.explanation,
                    no_address: Some(error.to_string()),
                    is_provider_empty: false,
                }));
            }
        }
    }
    assign::to_node(tx, task, &node, &ecs.clock);
    debug_assert!(task.container_instance_key == Some(node.key()));
    Ok(Placed::Yes)
}
