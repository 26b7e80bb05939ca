//! A DAEMON service, or a daemon, node by node: what runs there, or why nothing does.

use std::sync::Arc;

use api_gantry::types::FindingTopic;
use placement::{Filter, Lack};
use service_ecs::Wanted;
use service_ecs::records::{
    ContainerInstanceRecord, ContainerInstanceStatus, DesiredStatus, ServiceRecord, TaskRecord,
    TaskStatus,
};
use state::Record;

use super::super::{Explainer, Findings, short};
use crate::events;

impl Explainer<'_> {
    pub(super) fn daemon(
        &self,
        findings: &mut Findings,
        service: &ServiceRecord,
        tasks: &[Arc<TaskRecord>],
    ) {
        let message = "DAEMON: one task on each ACTIVE container instance that has the attributes and that the constraints select";
        findings.add(FindingTopic::PLACEMENT, "DAEMON", message);
        let Some(wanted) = self.control.ecs.wanted_next(self.head, service) else {
            return;
        };
        let prefix = ContainerInstanceRecord::key_of(
            &service.account,
            &service.region,
            &service.cluster,
            "",
        );
        let nodes = self.head.scan::<ContainerInstanceRecord>(&prefix);
        let living = nodes.filter(|node| node.status != ContainerInstanceStatus::Inactive);
        let mut lines: Vec<(String, String)> = living
            .map(|node| self.daemon_on(service, &wanted, node, tasks))
            .collect();
        lines.sort_by(|left, right| left.1.cmp(&right.1));
        findings.add_list(&FindingTopic::PLACEMENT, lines);
    }

    fn daemon_on(
        &self,
        service: &ServiceRecord,
        wanted: &Wanted,
        node: &ContainerInstanceRecord,
        tasks: &[Arc<TaskRecord>],
    ) -> (String, String) {
        let name = events::name_of(self.head, node);
        let is_here = |task: &&Arc<TaskRecord>| {
            task.container_instance_key.as_deref() == Some(&node.key())
                && task.last_status != TaskStatus::Stopped
        };
        let own: Vec<String> = tasks.iter().filter(is_here).map(|task| of(task)).collect();
        if !own.is_empty() {
            return ("ON_NODE".into(), format!("{name}: {}", own.join(", ")));
        }
        let spec = service.task_spec.daemon.as_ref();
        let provider = node.capacity_provider();
        let is_foreign = spec.zip(provider).filter(|(spec, provider)| {
            !spec
                .capacity_providers
                .iter()
                .any(|known| known == provider)
        });
        if let Some((_, provider)) = is_foreign {
            let why = format!("{name}: none: it is an instance of capacity provider {provider}");
            return ("NOT_SELECTED".into(), why);
        }
        let lacks = wanted.seen(self.head, &node.id);
        let lacks = lacks.map(|seen| placement::lacks(seen, wanted.need()));
        let lacks = lacks.unwrap_or_default();
        // A daemon's own task goes where it is awaited.
        let code = match lacks.first().map(Lack::filter) {
            None => "STARTS",
            Some(Filter::Attribute | Filter::MemberOf) => "NOT_SELECTED",
            Some(Filter::Inactive | Filter::Draining | Filter::Daemons | Filter::Agent) => {
                "NODE_NOT_READY"
            }
            Some(_) => "NO_ROOM",
        };
        let text = match lacks.is_empty() {
            true => "none yet: one is about to start".to_owned(),
            false => {
                let lacks: Vec<String> = lacks.iter().map(Lack::to_string).collect();
                format!("none: {}", lacks.join("; "))
            }
        };
        (code.into(), format!("{name}: {text}"))
    }
}

fn of(task: &TaskRecord) -> String {
    let status = match task.desired_status == DesiredStatus::Stopped {
        true => "is told to stop",
        false => task.last_status.as_str(),
    };
    let reason = task.stopped_reason.as_ref();
    let reason = reason.map(|reason| format!(" ({reason})"));
    format!(
        "task {} of {}:{} {status}{}",
        short(&task.id),
        task.family,
        task.revision,
        reason.unwrap_or_default()
    )
}
