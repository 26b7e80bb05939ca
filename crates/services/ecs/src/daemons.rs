//! Daemons (CreateDaemon): services of the strategy DAEMON with an API of their own, on the nodes of capacity providers.
//! A critical one holds its nodes: where it does not run, nothing else is started.

use std::{collections::BTreeMap, sync::Arc};

use ecs_rules::task_state::stop_code;
use state::{Head, Record};

use crate::{
    loops::service_scheduler::daemon::{nodes, takes},
    records::{
        AwaitedDaemon, Capacity, ClusterRecord, ContainerInstanceRecord, DaemonSpec,
        DeploymentRecord, DesiredStatus, HealthStatus, ServiceRecord, ServiceStatus, TaskRecord,
        TaskStatus,
    },
};

/// The daemons of a cluster, those that are being deleted too.
pub(crate) fn of_cluster(head: &Head, cluster_key: &str) -> Vec<Arc<ServiceRecord>> {
    let mut services = head.index::<ServiceRecord>("by_daemon_cluster", cluster_key);
    services.retain(|service| {
        service.daemon_name().is_some() && service.status != ServiceStatus::Inactive
    });
    services
}

/// The provider that a task on this node counts for; `None` if the node is of another one.
pub(crate) fn provider_of(spec: &DaemonSpec, node: &ContainerInstanceRecord) -> Option<String> {
    match node.capacity_provider() {
        Some(own) => {
            let mut named = spec.capacity_providers.iter();
            named.find(|provider| *provider == own).cloned()
        }
        None => spec.capacity_providers.first().cloned(),
    }
}

/// The critical daemons that do not run on a node where they are to be.
pub(crate) fn awaited(head: &Head, node: &ContainerInstanceRecord) -> Vec<AwaitedDaemon> {
    if node.capacity == Capacity::Serverless {
        return vec![];
    }
    let cluster = ClusterRecord::key_of(&node.account, &node.region, &node.cluster);
    let daemons = of_cluster(head, &cluster);
    let critical = daemons.into_iter().filter(|service| {
        let spec = service.task_spec.daemon.as_ref();
        service.status == ServiceStatus::Active && spec.is_some_and(|spec| spec.critical)
    });
    let key = node.key();
    let awaited = critical.filter_map(|service| {
        if !is_of(head, &service, node) {
            return None;
        }
        let name = service.daemon_name()?.to_owned();
        let before = node.awaited_daemons.iter().find(|known| known.name == name);
        let tasks = head.index::<TaskRecord>("by_container_instance", &key);
        let own: Vec<&TaskRecord> = tasks
            .iter()
            .map(|task| &**task)
            .filter(|task| task.service.as_ref() == Some(&service.name))
            .collect();
        if own.iter().any(|task| serves(task)) {
            return None;
        }
        let has_failed = before.is_some_and(|before| before.has_failed) || has_failed(&own);
        Some(AwaitedDaemon { name, has_failed })
    });
    awaited.collect()
}

/// A daemon's nodes by capacity provider: how many run a task of the deployment, and how many run none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Coverage {
    pub running: i32,
    pub without: i32,
    /// With a task that was asked to stop.
    pub draining: i32,
}

pub(crate) fn coverage(
    head: &Head,
    service: &ServiceRecord,
    deployment: &DeploymentRecord,
) -> BTreeMap<String, Coverage> {
    let mut coverage = BTreeMap::new();
    let Some(spec) = &deployment.task_spec.daemon else {
        return coverage;
    };
    for provider in &spec.capacity_providers {
        coverage.insert(provider.clone(), Coverage::default());
    }
    let tasks = head.index::<TaskRecord>("by_service", &service.key());
    let living = || {
        tasks
            .iter()
            .filter(|task| task.last_status != TaskStatus::Stopped)
    };
    for task in living().filter(|task| task.deployment_id.as_ref() == Some(&deployment.id)) {
        let provider = task.capacity_provider.clone().unwrap_or_default();
        let counts = coverage.entry(provider).or_default();
        if task.desired_status == DesiredStatus::Stopped {
            counts.draining += 1;
        } else if task.last_status == TaskStatus::Running {
            counts.running += 1;
        }
    }
    let is_primary = service
        .primary()
        .is_some_and(|primary| primary.id == deployment.id);
    if is_primary && !spec.critical {
        let has_one = |key: &str| {
            let mut running = living().filter(|task| task.last_status == TaskStatus::Running);
            running.any(|task| task.container_instance_key.as_deref() == Some(key))
        };
        for node in nodes(head, service).unwrap_or_default() {
            let record = head.get::<ContainerInstanceRecord>(&node.key);
            let provider = record.and_then(|record| provider_of(spec, &record));
            if let Some(provider) = provider.filter(|_| node.is_wanted && !has_one(&node.key)) {
                coverage.entry(provider).or_default().without += 1;
            }
        }
    }
    coverage
}

/// Whether the daemon is to be on this node. One that registers now is in no view yet: it waits, and the loop looks again.
fn is_of(head: &Head, service: &ServiceRecord, node: &ContainerInstanceRecord) -> bool {
    let spec = service.task_spec.daemon.as_ref();
    let is_of_provider = spec.is_some_and(|spec| provider_of(spec, node).is_some());
    is_of_provider && takes(head, service, node) != Some(false)
}

fn serves(task: &TaskRecord) -> bool {
    task.last_status == TaskStatus::Running
        && task.desired_status == DesiredStatus::Running
        && (!has_health_check(task) || task.health == HealthStatus::Healthy)
}

/// It ended for another reason than that the scheduler replaces it, or its health says so.
fn has_failed(tasks: &[&TaskRecord]) -> bool {
    let newest = tasks.iter().max_by_key(|task| task.created_at);
    newest.is_some_and(|task| {
        let by_scheduler =
            task.stop_code.as_deref() == Some(stop_code::SERVICE_SCHEDULER_INITIATED);
        let is_unhealthy = has_health_check(task) && task.health == HealthStatus::Unhealthy;
        is_unhealthy || task.desired_status == DesiredStatus::Stopped && !by_scheduler
    })
}

fn has_health_check(task: &TaskRecord) -> bool {
    let mut containers = task.containers.iter();
    containers.any(|container| container.essential && container.has_health_check)
}
