//! What a node runs, what it could still take, and why it takes nothing.

use api_gantry::types::{ExplainResponse, ExplainedKind, FindingTopic};
use kit::facts::InstanceProtection;
use placement::Lack;
use service_ecs::NodeUsage;
use service_ecs::records::{
    Capacity, ContainerInstanceRecord, ContainerInstanceStatus, DAEMON, ServiceRecord,
    ServiceStatus, TaskRecord, TaskStatus,
};
use state::Record;

use super::{Explainer, Findings, counted, placement::size, response, short};
use crate::events;

/// Services that a node is asked about.
const SERVICES_MOST: usize = 1000;

impl Explainer<'_> {
    pub fn node(&self, node: &ContainerInstanceRecord) -> ExplainResponse {
        let mut findings = Findings(vec![]);
        let name = events::name_of(self.head, node);
        standing(&mut findings, &name, node);
        if let Some(published) = self.head.get::<InstanceProtection>(&node.key()) {
            of_provider(&mut findings, &published);
        }
        let mut tasks = self
            .head
            .index::<TaskRecord>("by_container_instance", &node.key());
        tasks.retain(|task| task.last_status != TaskStatus::Stopped);
        tasks.sort_by_key(|task| task.created_at);
        let lines = tasks.iter().map(|task| task_line(task)).collect();
        findings.add_list(&FindingTopic::TASK, lines);
        let held = self.head.view::<NodeUsage>().of(&node.key());
        let free = format!(
            "{} of {} CPU units and {} of {} MiB are free",
            node.cpu_units - held.cpu_units,
            node.cpu_units,
            node.memory_mib - held.memory_mib,
            node.memory_mib
        );
        findings.add(FindingTopic::ROOM, "FREE", free);
        if node.status != ContainerInstanceStatus::Inactive {
            findings.add_list(&FindingTopic::ROOM, self.room_for_services(node));
        }
        let kind = match node.capacity {
            Capacity::Serverless => "Fargate capacity".to_owned(),
            Capacity::ContainerInstance => format!("a container instance of {}", node.cluster),
        };
        let summary = format!(
            "Node {name} ({kind}) is {}, its agent is {}; it has {}.",
            node.status.as_str(),
            match node.connection.connected {
                true => "connected",
                false => "disconnected",
            },
            counted(i64::try_from(tasks.len()).unwrap_or(i64::MAX), "task"),
        );
        response(
            ExplainedKind::NODE,
            node.arn(),
            &node.cluster,
            node.status.as_str(),
            summary,
            findings,
        )
    }

    /// How many more tasks of each service it could take, or what it lacks for one.
    fn room_for_services(&self, node: &ContainerInstanceRecord) -> Vec<(String, String)> {
        let prefix = match node.capacity {
            Capacity::Serverless => format!("{}/{}/", node.account, node.region),
            Capacity::ContainerInstance => {
                format!("{}/{}/{}/", node.account, node.region, node.cluster)
            }
        };
        let services = self
            .head
            .scan::<ServiceRecord>(&prefix)
            .filter(|service| {
                service.status == ServiceStatus::Active && service.scheduling_strategy != DAEMON
            })
            .take(SERVICES_MOST);
        let lines = services.filter_map(|service| self.room_for(node, service));
        lines.collect()
    }

    /// None where its tasks go to other capacity.
    fn room_for(
        &self,
        node: &ContainerInstanceRecord,
        service: &ServiceRecord,
    ) -> Option<(String, String)> {
        let wanted = self.control.ecs.wanted_next(self.head, service)?;
        if wanted.node_key(&node.id) != node.key() {
            return None;
        }
        let seen = wanted.seen(self.head, &node.id)?;
        let need = wanted.need();
        let lacks = placement::lacks(seen, need);
        let what = format!("service {} ({} a task)", service.name, size(need));
        if !lacks.is_empty() {
            let lacks: Vec<String> = lacks.iter().map(Lack::to_string).collect();
            return Some((
                "NO_ROOM".into(),
                format!("{what}: none: {}", lacks.join("; ")),
            ));
        }
        let of = |free: i64, one: i64| if one > 0 { free / one } else { i64::MAX };
        let by_size = of(seen.cpu_units_free(), need.cpu_units)
            .min(of(seen.memory_mib_free(), need.memory_mib));
        let is_once = need.distinct_instance || !need.host_ports.is_empty();
        let more = if is_once { by_size.min(1) } else { by_size };
        let text = match more {
            i64::MAX => format!("{what}: any number more"),
            more => format!("{what}: {more} more"),
        };
        Some(("ROOM".into(), text))
    }
}

/// Why it takes tasks or none.
fn standing(findings: &mut Findings, name: &str, node: &ContainerInstanceRecord) {
    let (code, message, at) = match node.status {
        ContainerInstanceStatus::Inactive => (
            "INACTIVE",
            "it was deregistered: it takes nothing any more".to_owned(),
            node.deregistered_at,
        ),
        ContainerInstanceStatus::Draining => (
            "DRAINING",
            "it is DRAINING: it takes no task, and tasks of services are replaced on other nodes (UpdateContainerInstancesState ACTIVE ends it)".to_owned(),
            None,
        ),
        ContainerInstanceStatus::Active if !node.connection.connected => (
            "DISCONNECTED",
            format!("its agent is disconnected: it takes no task until it is back (is `gantry agent` running on {name}, and can it reach this server?)"),
            Some(node.connection.changed_at),
        ),
        ContainerInstanceStatus::Active => (
            "READY",
            "it takes tasks".to_owned(),
            Some(node.connection.changed_at),
        ),
    };
    findings.add_at(FindingTopic::STATUS, code, message, at);
    if let Some(reason) = &node.status_reason {
        findings.add(FindingTopic::STATUS, "REASON", reason);
    }
}

/// What whoever scales the group is told.
fn of_provider(findings: &mut Findings, published: &InstanceProtection) {
    let provider = &published.capacity_provider;
    if published.is_protected_from_scale_in {
        let message = format!(
            "protected from scale in: tasks run there, and managed termination protection of capacity provider {provider} is on"
        );
        findings.add(FindingTopic::STATUS, "PROTECTED", message);
    }
    if let Some(since) = published.draining_since {
        let message = "its machine is about to end, and waits for the tasks that run there";
        findings.add_at(FindingTopic::WAITS_FOR, "TASKS", message, Some(since));
    }
}

fn task_line(task: &TaskRecord) -> (String, String) {
    let message = format!(
        "{} {}:{} ({}): {} CPU units, {} MiB, {}",
        short(&task.id),
        task.family,
        task.revision,
        task.group,
        task.cpu_units,
        task.memory_mib,
        task.last_status.as_str()
    );
    (task.last_status.as_str().to_owned(), message)
}
