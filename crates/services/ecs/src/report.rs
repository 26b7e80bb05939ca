//! What a node reports of a task, and who may report it. The rule is `ecs_rules::task_state`; here it meets the tables.

use api_ecs::{errors, types};
use clock::UnixMillis;
use ecs_rules::task_state::{
    self, ContainerReport, ContainerState, ContainerStatus, Report, TaskState,
};
use limits::{CONTAINER_REASON_CHARACTERS, IMAGE_DIGEST_CHARACTERS, RUNTIME_ID_CHARACTERS};
use state::{Head, Tx};
use wire::{Caller, Error, Principal};

use crate::{
    image_pins,
    records::{
        ContainerInstanceRecord, ContainerRecord, DesiredStatus, HealthStatus, NetworkBinding,
        TaskRecord, TaskStatus,
    },
    tasks,
};

/// A report of a node, of a task or of one container.
#[derive(Debug, Default)]
pub(crate) struct NodeReport {
    pub state: Report,
    pub details: Vec<ContainerDetail>,
    pub pull_started_at: Option<UnixMillis>,
    pub pull_stopped_at: Option<UnixMillis>,
    pub execution_stopped_at: Option<UnixMillis>,
    /// Attachments by ARN, with their new status.
    pub attachments: Vec<(String, String)>,
}

/// What comes with a container's state and changes nothing of it.
#[derive(Debug, Default)]
pub(crate) struct ContainerDetail {
    pub name: String,
    pub runtime_id: Option<String>,
    pub image_digest: Option<String>,
    pub network_bindings: Option<Vec<NetworkBinding>>,
}

impl NodeReport {
    pub fn add_container(&mut self, change: types::ContainerStateChange) -> Result<(), Error> {
        let name = change.container_name.unwrap_or_default();
        self.state.containers.push(ContainerReport {
            name: name.clone(),
            status: parse_status(change.status.as_deref())?,
            exit_code: change.exit_code,
            reason: change
                .reason
                .map(|reason| cut(reason, CONTAINER_REASON_CHARACTERS)),
        });
        self.details.push(ContainerDetail {
            name,
            runtime_id: change.runtime_id.map(|id| cut(id, RUNTIME_ID_CHARACTERS)),
            image_digest: change
                .image_digest
                .map(|digest| cut(digest, IMAGE_DIGEST_CHARACTERS)),
            network_bindings: change
                .network_bindings
                .map(|bindings| bindings.into_iter().map(binding).collect()),
        });
        Ok(())
    }
}

/// An agent's status of a task or container; nothing is allowed, a word that we do not know is not.
pub(crate) fn parse_status(status: Option<&str>) -> Result<Option<ContainerStatus>, Error> {
    match status.filter(|status| !status.is_empty()) {
        None => Ok(None),
        Some(status) => ContainerStatus::parse(status).map(Some).ok_or_else(|| {
            errors::invalid_parameter_exception(format!("Invalid status: {status}."))
        }),
    }
}

/// Only the node that runs a task may speak for it (and root, who may all).
pub(crate) fn check_owner(head: &Head, caller: &Caller, task: &TaskRecord) -> Result<(), Error> {
    let Principal::Node { node_id } = &caller.principal else {
        return Ok(());
    };
    let node = task
        .container_instance_key
        .as_ref()
        .and_then(|key| head.get::<ContainerInstanceRecord>(key));
    if node.is_some_and(|node| node.node_id == *node_id) {
        return Ok(());
    }
    Err(errors::access_denied_exception(format!(
        "User: {} is not the node that runs {}.",
        caller.arn(),
        task.arn()
    )))
}

/// Applies a report; the same one again changes nothing.
pub(crate) fn apply(tx: &mut Tx<'_>, key: &str, report: &NodeReport, now: UnixMillis) {
    let Some(before) = tx.get::<TaskRecord>(key) else {
        return;
    };
    if before.last_status == TaskStatus::Stopped {
        return;
    }
    let mut task = TaskRecord::clone(&before);
    let mut state = state_of(&task);
    task_state::apply(&mut state, &report.state);
    for detail in &report.details {
        let known = task.containers.iter_mut();
        for container in known.filter(|container| container.name == detail.name) {
            add_detail(container, detail);
        }
    }
    set_times(&mut task, report);
    set_state(&mut task, state, report, now);
    set_attachments(&mut task, report);
    if task != *before {
        task.version += 1;
        image_pins::remember(tx, &task);
        tasks::write(tx, task);
    }
}

/// Applies what health checks say, by container name.
pub(crate) fn apply_health(tx: &mut Tx<'_>, key: &str, health: &[(String, HealthStatus)]) {
    let Some(before) = tx.get::<TaskRecord>(key) else {
        return;
    };
    if before.last_status == TaskStatus::Stopped {
        return;
    }
    let mut task = TaskRecord::clone(&before);
    for (name, status) in health {
        let known = task.containers.iter_mut();
        for container in known.filter(|container| container.name == *name) {
            container.health = *status;
        }
    }
    let essential = task
        .containers
        .iter()
        .filter(|container| container.essential);
    task.health = task_state::task_health(essential.map(|container| container.health));
    if task != *before {
        task.version += 1;
        tasks::write(tx, task);
    }
}

fn state_of(task: &TaskRecord) -> TaskState {
    TaskState {
        last_status: task.last_status,
        desired_status: task.desired_status,
        has_started: task.started_at.is_some(),
        stop: None,
        containers: task
            .containers
            .iter()
            .map(|container| ContainerState {
                name: container.name.clone(),
                essential: container.essential,
                status: ContainerStatus::parse(&container.last_status)
                    .unwrap_or(ContainerStatus::Pending),
                exit_code: container.exit_code,
                reason: container.reason.clone(),
            })
            .collect(),
    }
}

fn set_state(task: &mut TaskRecord, state: TaskState, report: &NodeReport, now: UnixMillis) {
    for (container, state) in task.containers.iter_mut().zip(state.containers) {
        container.last_status = state.status.as_str().into();
        container.exit_code = state.exit_code;
        container.reason = state.reason;
    }
    if state.has_started && task.started_at.is_none() {
        // A task that was over before anyone heard of its start did not start after its end.
        let ended = report.execution_stopped_at.unwrap_or(now);
        task.started_at = Some(now.min(ended).max(task.created_at));
    }
    let asked_to_stop = task.desired_status == DesiredStatus::Stopped;
    if state.desired_status == DesiredStatus::Stopped && !asked_to_stop {
        task.desired_status = DesiredStatus::Stopped;
        task.stopping_at = Some(now);
        if let Some(stop) = state.stop {
            task.stop_code = Some(stop.code.into());
            task.stopped_reason = Some(stop.reason);
        }
    }
    task.last_status = state.last_status;
    if task.last_status == TaskStatus::Stopped {
        tasks::finish(task, now);
    } else if task.last_status > TaskStatus::Provisioning
        && let Some(interface) = &mut task.network_interface
        && interface.status == "PRECREATED"
    {
        // A node reports a task only after it has built the task's network.
        interface.status = "ATTACHED".into();
    }
}

fn set_times(task: &mut TaskRecord, report: &NodeReport) {
    let set = |known: &mut Option<UnixMillis>, reported: Option<UnixMillis>| {
        if let (None, Some(time)) = (*known, reported) {
            *known = Some(time);
        }
    };
    set(&mut task.pull_started_at, report.pull_started_at);
    set(&mut task.pull_stopped_at, report.pull_stopped_at);
    set(&mut task.execution_stopped_at, report.execution_stopped_at);
}

fn set_attachments(task: &mut TaskRecord, report: &NodeReport) {
    let Some(interface) = &mut task.network_interface else {
        return;
    };
    for (arn, status) in &report.attachments {
        let is_ours = arn.rsplit('/').next() == Some(interface.attachment_id.as_str());
        if is_ours && attachment_order(status) > attachment_order(&interface.status) {
            interface.status.clone_from(status);
        }
    }
}

/// The life of an attachment, forward only; a word that is no status comes before all.
fn attachment_order(status: &str) -> usize {
    const ORDER: [&str; 7] = [
        "PRECREATED",
        "CREATED",
        "ATTACHING",
        "ATTACHED",
        "DETACHING",
        "DETACHED",
        "DELETED",
    ];
    let position = ORDER.iter().position(|known| *known == status);
    position.map_or(0, |position| position + 1)
}

fn add_detail(container: &mut ContainerRecord, detail: &ContainerDetail) {
    if detail.runtime_id.is_some() {
        container.runtime_id.clone_from(&detail.runtime_id);
    }
    if detail.image_digest.is_some() {
        container.image_digest.clone_from(&detail.image_digest);
    }
    if let Some(bindings) = &detail.network_bindings
        && !bindings.is_empty()
    {
        container.network_bindings.clone_from(bindings);
    }
}

pub(crate) fn binding(binding: types::NetworkBinding) -> NetworkBinding {
    NetworkBinding {
        bind_ip: binding.bind_ip,
        container_port: binding.container_port,
        host_port: binding.host_port,
        protocol: binding
            .protocol
            .map(|protocol| protocol.as_str().to_owned()),
        container_port_range: binding.container_port_range,
        host_port_range: binding.host_port_range,
    }
}

fn cut(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
    }
    text
}
