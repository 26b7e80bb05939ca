//! Daemons (CreateDaemon): nothing is placed where a critical one is awaited, as many instances are drained at once as was
//! asked, and on an instance that drains they leave last.

use service_ecs::records::{
    Capacity, ContainerInstanceRecord, ContainerInstanceStatus, DesiredStatus, ServiceRecord,
    ServiceStatus, TaskRecord, TaskStatus,
};
use state::{ChangeSet, Record};

use super::tables::{Check, SCHEDULER, service_key};

const DRAIN_PERCENT: f64 = 25.0;

/// Whether the daemon is to be on the node: one of its providers, or one that names none.
pub(super) fn is_for(service: &ServiceRecord, node: &ContainerInstanceRecord) -> bool {
    service.task_spec.daemon.as_ref().is_none_or(|spec| {
        let own = node.capacity_provider();
        own.is_none_or(|own| spec.capacity_providers.iter().any(|named| named == own))
    })
}

fn is_critical(service: &ServiceRecord) -> bool {
    let spec = service.task_spec.daemon.as_ref();
    service.status == ServiceStatus::Active && spec.is_some_and(|spec| spec.critical)
}

impl Check {
    /// `self` is still as it was before the set.
    pub(super) fn check_daemons(&self, set: &ChangeSet) {
        for change in &set.changes {
            let wrong = if let Some((before, Some(after))) = change.of::<TaskRecord>() {
                self.wrong_with_guarded_place(before, after)
                    .or_else(|| self.wrong_with_leaving(set, before?, after))
            } else if let Some((None, Some(node))) = change.of::<ContainerInstanceRecord>() {
                self.wrong_with_registration(node)
            } else {
                None
            };
            if let Some(wrong) = wrong {
                self.trace.violated(format_args!("{}: {wrong}", change.key));
            }
        }
    }

    /// No other task comes before the daemons that the node awaits.
    fn wrong_with_guarded_place(
        &self,
        before: Option<&TaskRecord>,
        after: &TaskRecord,
    ) -> Option<String> {
        let was_placed = before.is_some_and(|task| task.container_instance_key.is_some());
        let key = after.container_instance_key.as_ref()?;
        let awaited = &self.node(key)?.awaited_daemons;
        let is_wrong = !was_placed && !after.is_of_daemon() && !awaited.is_empty();
        is_wrong.then(|| format!("placed on {key}, which awaits {awaited:?}"))
    }

    /// From its first moment on a node awaits the critical daemons.
    fn wrong_with_registration(&self, node: &ContainerInstanceRecord) -> Option<String> {
        if node.capacity == Capacity::Serverless {
            return None;
        }
        let mut daemons = self.services.values().filter(|service| {
            service.cluster == node.cluster && is_critical(service) && is_for(service, node)
        });
        let missing = daemons.find(|service| {
            let mut awaited = node.awaited_daemons.iter();
            !awaited.any(|known| Some(known.name.as_str()) == service.daemon_name())
        })?;
        Some(format!("registered, and does not await {}", missing.name))
    }

    /// On a node that drains a daemon stays until the other tasks have left.
    fn wrong_with_leaving(
        &self,
        set: &ChangeSet,
        before: &TaskRecord,
        after: &TaskRecord,
    ) -> Option<String> {
        let is_told = before.desired_status == DesiredStatus::Running
            && after.desired_status == DesiredStatus::Stopped
            && after.stop_code.as_deref() == Some(SCHEDULER)
            && after.last_status != TaskStatus::Stopped;
        let service = self.service_after(set, &service_key(after)?)?;
        let is_daemon =
            service.scheduling_strategy == "DAEMON" && service.status == ServiceStatus::Active;
        let reason = after.stopped_reason.as_deref().unwrap_or_default();
        if !is_told || !is_daemon || !reason.starts_with("Scaling activity") {
            return None;
        }
        let key = after.container_instance_key.as_ref()?;
        let node = self.node(key)?;
        let primary = service.primary()?;
        let is_primary = Some(&primary.id) == after.deployment_id.as_ref();
        if node.status != ContainerInstanceStatus::Draining || !is_primary {
            return None;
        }
        let held = self.held(key)?;
        let other = held.tasks.into_iter().find(|task| {
            let service = service_key(task).and_then(|key| self.service_after(set, &key));
            service.is_none_or(|service| service.scheduling_strategy != "DAEMON")
        })?;
        // An update may have taken the node from it.
        let constraints = service.task_spec.placement_constraints.iter();
        let mut expressions = constraints.filter_map(|constraint| constraint.expression.as_deref());
        let is_deselected =
            expressions.any(|text| super::placing::is_member(text, node) == Some(false));
        let is_member = super::placing::wrong_with_constraints(after, &self.held(key)?, 0);
        (is_member.is_none() && !is_deselected)
            .then(|| format!("leaves {key}, which drains, before task {}", other.id))
    }

    /// How many healthy tasks an update of a daemon leaves at least.
    pub(super) fn least_of_daemon(service: &ServiceRecord) -> Option<i64> {
        let configuration = service.daemon_configuration.as_ref()?;
        let drained = configuration.drain_percent.unwrap_or(DRAIN_PERCENT);
        let nodes = i64::from(service.desired_count);
        let at_once = (nodes as f64 * drained / 100.0).floor() as i64;
        Some(nodes - at_once.max(1))
    }

    /// At rest no node awaits anything.
    pub(super) fn awaiting(&self) -> Vec<String> {
        let awaiting = self.nodes().filter(|(_, node)| {
            node.status == ContainerInstanceStatus::Active && !node.awaited_daemons.is_empty()
        });
        awaiting
            .map(|(key, node)| format!("{key} awaits {:?}", node.awaited_daemons))
            .collect()
    }

    /// Nodes on which the daemon has a task of the newest deployment are not drained for it.
    pub(super) fn replaced<'a>(
        &self,
        service: &ServiceRecord,
        stopped: &[&'a TaskRecord],
    ) -> Vec<&'a TaskRecord> {
        let primary = service.primary().map(|primary| primary.id.as_str());
        let is_replaced = |task: &&&TaskRecord| {
            let node = task
                .container_instance_key
                .as_ref()
                .and_then(|key| self.node(key));
            task.deployment_id.as_deref() != primary
                && node.is_some_and(|node| {
                    node.status == ContainerInstanceStatus::Active
                        && node.connection.connected
                        && is_for(service, node)
                })
        };
        stopped.iter().filter(is_replaced).copied().collect()
    }

    /// All that serve, wherever they are.
    pub(super) fn tasks_of<'a>(&'a self, service: &ServiceRecord) -> Vec<&'a TaskRecord> {
        let tasks = self.tasks_of_service.get(&service.key());
        let tasks = tasks.into_iter().flatten().map(|key| &self.tasks[key]);
        tasks.collect()
    }
}
