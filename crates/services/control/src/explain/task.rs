//! Why a task is where it is, waits, or stopped.

use api_gantry::types::{ExplainResponse, ExplainedKind, FindingTopic};
use service_ecs::Wanted;
use service_ecs::records::{
    ContainerInstanceRecord, ContainerRecord, DeploymentRole, DesiredStatus, HealthStatus,
    ServiceRecord, TaskRecord, TaskStatus,
};

use super::{Explainer, Findings, placement::size, response, short};
use crate::events;

impl Explainer<'_> {
    pub fn task(&self, task: &TaskRecord) -> ExplainResponse {
        let mut findings = Findings(vec![]);
        let wanted = self.control.ecs.wanted_by(self.head, task);
        self.cause(&mut findings, task);
        self.status(&mut findings, task);
        if let Some(wanted) = &wanted {
            self.place(&mut findings, task, wanted);
        }
        timeline(&mut findings, task);
        let mut response = response(
            ExplainedKind::TASK,
            task.arn(),
            &task.cluster,
            task.last_status.as_str(),
            self.summary(task),
            findings,
        );
        if let Some(wanted) = &wanted {
            self.show(&mut response, wanted, task.placement.as_ref());
        }
        response
    }

    fn summary(&self, task: &TaskRecord) -> String {
        let node = match self.node_of(task) {
            Some(node) => format!(" on {node}"),
            None => String::new(),
        };
        let service = match &task.service {
            Some(service) => format!(" of service {service}"),
            None => String::new(),
        };
        format!(
            "Task {} ({}:{}){service} in cluster {} is {}{node}.",
            short(&task.id),
            task.family,
            task.revision,
            task.cluster,
            task.last_status.as_str()
        )
    }

    /// Who wanted it.
    fn cause(&self, findings: &mut Findings, task: &TaskRecord) {
        let Some(service) = &task.service else {
            let by = match &task.started_by {
                Some(by) => format!(" with startedBy {by}"),
                None => String::new(),
            };
            let message = format!("it was asked for by RunTask or StartTask{by}");
            findings.add(FindingTopic::CAUSE, "RUN_TASK", message);
            return;
        };
        let deployment = task.deployment_id.as_deref().unwrap_or_default();
        let key = ServiceRecord::key_of(&task.account, &task.region, &task.cluster, service);
        let record = self.head.get::<ServiceRecord>(&key);
        let role = record.as_ref().and_then(|record| {
            let mut deployments = record.deployments.iter();
            deployments.find(|own| own.id == deployment)
        });
        let standing = match role.map(|own| own.role) {
            Some(DeploymentRole::Primary) => "its PRIMARY",
            Some(DeploymentRole::Active) => "which a newer one is replacing",
            None => "which is over",
        };
        findings.add(
            FindingTopic::CAUSE,
            "SERVICE",
            format!("service {service} started it for deployment {deployment}, {standing}"),
        );
    }

    fn status(&self, findings: &mut Findings, task: &TaskRecord) {
        let status = FindingTopic::STATUS;
        if task.desired_status == DesiredStatus::Stopped {
            self.stop(findings, task);
        } else if task.container_instance_key.is_none() {
            let message = "no node could take it yet; it is tried again whenever one changes";
            findings.add(FindingTopic::WAITS_FOR, "NODE", message);
        } else if task.last_status < TaskStatus::Running {
            self.start(findings, task);
        } else {
            let (code, message) = match task.health {
                HealthStatus::Healthy => ("HEALTHY", "it runs, and its health checks pass"),
                HealthStatus::Unhealthy => ("UNHEALTHY", "it runs, but its health checks fail"),
                HealthStatus::Unknown => ("RUNNING", "it runs, as it should"),
            };
            findings.add_at(status.clone(), code, message, task.started_at);
            let containers = task.containers.iter();
            for container in
                containers.filter(|container| container.health == HealthStatus::Unhealthy)
            {
                let message = format!("container {}: UNHEALTHY", container.name);
                findings.add(status.clone(), "CONTAINER", message);
            }
            self.tell_if_away(findings, task);
        }
        if let Some(until) = task.protected_until(self.now) {
            let message = "it is protected against scaling in and being replaced, until then";
            findings.add_at(status, "PROTECTED", message, Some(until));
        }
    }

    /// What is missing before it runs.
    fn start(&self, findings: &mut Findings, task: &TaskRecord) {
        let waits = FindingTopic::WAITS_FOR;
        if self.tell_if_away(findings, task) {
            return;
        }
        let node = self.node_of(task).unwrap_or_default();
        let (code, message, since) = match (task.pull_started_at, task.pull_stopped_at) {
            (None, _) => (
                "AGENT",
                format!("{node} was told to run it and has not begun"),
                Some(task.created_at),
            ),
            (Some(since), None) => (
                "IMAGES",
                format!("{node} pulls its images: {}", images(task)),
                Some(since),
            ),
            (Some(_), Some(since)) => (
                "CONTAINERS",
                format!("its containers start on {node}"),
                Some(since),
            ),
        };
        findings.add_at(waits.clone(), code, message, since);
        for container in &task.containers {
            if container.last_status != TaskStatus::Running.as_str() {
                let reason = container.reason.as_deref().unwrap_or_default();
                let message = format!(
                    "container {} ({}): {} {reason}",
                    container.name, container.image, container.last_status
                );
                findings.add(waits.clone(), "CONTAINER", message.trim_end());
            }
        }
    }

    /// Why it stops or stopped, and how its containers ended.
    fn stop(&self, findings: &mut Findings, task: &TaskRecord) {
        let topic = FindingTopic::CAUSE;
        let code = task.stop_code.as_deref().unwrap_or("STOPPED");
        let reason = task
            .stopped_reason
            .as_deref()
            .unwrap_or("no reason is known");
        findings.add_at(topic.clone(), code, reason, task.stopping_at);
        if let Some(meaning) = meaning_of(code) {
            findings.add(topic.clone(), code, meaning);
        }
        for container in &task.containers {
            if let Some(message) = how_it_ended(container) {
                findings.add(topic.clone(), "CONTAINER", message);
            }
        }
        if task.last_status == TaskStatus::Stopped {
            if task.started_at.is_some() {
                let message = format!("gantry logs {}", short(&task.id));
                findings.add(FindingTopic::NEXT, "LOGS", message);
            }
        } else {
            self.tell_if_away(findings, task);
            let message = "its containers were told to end, and are killed after their stopTimeout";
            findings.add_at(FindingTopic::WAITS_FOR, "STOP", message, task.stopping_at);
        }
    }

    fn tell_if_away(&self, findings: &mut Findings, task: &TaskRecord) -> bool {
        let key = task.container_instance_key.as_deref().unwrap_or_default();
        let node = self.head.get::<ContainerInstanceRecord>(key);
        let Some(node) = node.filter(|node| !node.connection.connected) else {
            return false;
        };
        let name = events::name_of(self.head, &node);
        let message =
            format!("the agent of {name} is disconnected: what is told of the task may be old");
        let since = Some(node.connection.changed_at);
        findings.add_at(FindingTopic::WAITS_FOR, "DISCONNECTED", message, since);
        true
    }

    fn place(&self, findings: &mut Findings, task: &TaskRecord, wanted: &Wanted) {
        let topic = FindingTopic::PLACEMENT;
        let asked = format!("it asks for {}", size(wanted.need()));
        findings.add(topic.clone(), "NEEDS", asked);
        let need = wanted.need();
        for constraint in &need.member_of {
            let message = format!("constraint memberOf {}", constraint.text());
            findings.add(topic.clone(), "CONSTRAINT", message);
        }
        if need.distinct_instance {
            findings.add(topic, "CONSTRAINT", "constraint distinctInstance");
        }
        match &task.placement {
            Some(explained) => self.tell(findings, wanted, explained),
            None => findings.add(
                FindingTopic::PLACEMENT,
                "UNKNOWN",
                "how it was placed was not kept",
            ),
        }
    }

    fn node_of(&self, task: &TaskRecord) -> Option<String> {
        let key = task.container_instance_key.as_deref()?;
        let id = key.rsplit('/').next().unwrap_or(key);
        Some(events::node_name(self.head, key).unwrap_or_else(|| short(id)))
    }
}

fn images(task: &TaskRecord) -> String {
    let images = task.containers.iter();
    let mut images: Vec<&str> = images.map(|container| container.image.as_str()).collect();
    images.dedup();
    images.join(", ")
}

fn timeline(findings: &mut Findings, task: &TaskRecord) {
    let steps = [
        ("created", Some(task.created_at)),
        ("connected to its network", task.connected_at),
        ("pull began", task.pull_started_at),
        ("pull ended", task.pull_stopped_at),
        ("RUNNING", task.started_at),
        ("told to stop", task.stopping_at),
        ("its containers ended", task.execution_stopped_at),
        ("STOPPED", task.stopped_at),
    ];
    for (message, at) in steps {
        if at.is_some() {
            findings.add_at(FindingTopic::TIMELINE, "STEP", message, at);
        }
    }
}

/// What a stop code means
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>).
fn meaning_of(stop_code: &str) -> Option<&'static str> {
    Some(match stop_code {
        "TaskFailedToStart" => "a container could not be created or started, so the task never ran",
        "EssentialContainerExited" => {
            "a container that is essential ended by itself; the task ends with it"
        }
        "UserInitiated" => "somebody called StopTask",
        "ServiceSchedulerInitiated" => "its service had no more use for it",
        "SpotInterruption" => "its Spot capacity was wanted back",
        "InfrastructureHealth" => "its node was lost or deregistered",
        _ => return None,
    })
}

/// How a container ended, in one line; nothing of one that never was.
pub(super) fn how_it_ended(container: &ContainerRecord) -> Option<String> {
    let name = &container.name;
    let essential = if container.essential {
        "essential "
    } else {
        ""
    };
    let meaning = container.exit_code.and_then(meaning_of_exit);
    let meaning = meaning.map(|text| format!(" ({text})")).unwrap_or_default();
    match (&container.reason, container.exit_code) {
        (Some(reason), Some(code)) => Some(format!(
            "{essential}container {name}: exit code {code}{meaning}: {reason}"
        )),
        (Some(reason), None) => Some(format!("{essential}container {name}: {reason}")),
        (None, Some(code)) => Some(format!(
            "{essential}container {name}: exit code {code}{meaning}"
        )),
        (None, None) => None,
    }
}

/// What shells and kernels mean by an exit code.
fn meaning_of_exit(code: i32) -> Option<&'static str> {
    Some(match code {
        0 => "success",
        125 => "the container could not be started",
        126 => "its command is not executable",
        127 => "its command was not found",
        130 => "SIGINT",
        134 => "SIGABRT: it gave up itself",
        137 => "SIGKILL: out of memory, or it did not end in time",
        139 => "SIGSEGV: it touched memory that is not its own",
        143 => "SIGTERM: it was told to end",
        _ => return None,
    })
}
