//! What DescribeClusters counts: a view derived from tasks, services and container instances, so that the answer costs
//! the same however many there are.

use std::collections::HashMap;

use state::{Change, View};

use crate::records::{
    Capacity, ClusterRecord, ContainerInstanceRecord, ContainerInstanceStatus, ServiceRecord,
    ServiceStatus, TaskRecord, TaskStatus,
};

/// Counts by key of the cluster.
#[derive(Debug, Default, PartialEq)]
pub struct ClusterCounts {
    clusters: HashMap<String, Counts>,
}

/// What one cluster holds. Fields that end in an array are by [`Kind`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub running_tasks: [i32; KINDS],
    pub pending_tasks: [i32; KINDS],
    /// Tasks that are not STOPPED.
    pub live_tasks: i32,
    pub active_services: [i32; KINDS],
    pub draining_services: [i32; KINDS],
    pub container_instances: i32,
}

/// The launch types that statistics tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ec2,
    Fargate,
    External,
}

const KINDS: usize = 3;

impl Kind {
    pub const ALL: [Self; KINDS] = [Self::Ec2, Self::Fargate, Self::External];

    fn of(launch_type: &str) -> Self {
        match launch_type {
            "FARGATE" => Self::Fargate,
            "EXTERNAL" => Self::External,
            _ => Self::Ec2,
        }
    }

    /// As the names of statistics have it (`runningFargateTasksCount`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Fargate => "Fargate",
            Self::External => "External",
        }
    }
}

impl ClusterCounts {
    pub fn of(&self, cluster_key: &str) -> Counts {
        self.clusters.get(cluster_key).copied().unwrap_or_default()
    }

    fn change(&mut self, cluster_key: String, change: impl FnOnce(&mut Counts)) {
        let counts = self.clusters.entry(cluster_key.clone()).or_default();
        change(counts);
        if *counts == Counts::default() {
            self.clusters.remove(&cluster_key);
        }
    }

    fn task(&mut self, task: &TaskRecord, sign: i32) {
        if task.last_status == TaskStatus::Stopped {
            return;
        }
        let kind = Kind::of(&task.launch_type) as usize;
        let key = ClusterRecord::key_of(&task.account, &task.region, &task.cluster);
        self.change(key, |counts| {
            counts.live_tasks += sign;
            match task.last_status {
                TaskStatus::Running => counts.running_tasks[kind] += sign,
                status if status < TaskStatus::Running => counts.pending_tasks[kind] += sign,
                _ => {}
            }
        });
    }

    fn service(&mut self, service: &ServiceRecord, sign: i32) {
        if service.daemon_name().is_some() {
            return;
        }
        let kind = service_kind(service) as usize;
        let key = ClusterRecord::key_of(&service.account, &service.region, &service.cluster);
        self.change(key, |counts| match service.status {
            ServiceStatus::Active => counts.active_services[kind] += sign,
            ServiceStatus::Draining => counts.draining_services[kind] += sign,
            ServiceStatus::Inactive => {}
        });
    }

    fn container_instance(&mut self, instance: &ContainerInstanceRecord, sign: i32) {
        let is_seen = instance.capacity == Capacity::ContainerInstance
            && instance.status != ContainerInstanceStatus::Inactive;
        if is_seen {
            let key = ClusterRecord::key_of(&instance.account, &instance.region, &instance.cluster);
            self.change(key, |counts| counts.container_instances += sign);
        }
    }
}

impl View for ClusterCounts {
    fn apply(&mut self, change: &Change) {
        if let Some((before, after)) = change.of::<TaskRecord>() {
            before.inspect(|task| self.task(task, -1));
            after.inspect(|task| self.task(task, 1));
        } else if let Some((before, after)) = change.of::<ServiceRecord>() {
            before.inspect(|service| self.service(service, -1));
            after.inspect(|service| self.service(service, 1));
        } else if let Some((before, after)) = change.of::<ContainerInstanceRecord>() {
            before.inspect(|instance| self.container_instance(instance, -1));
            after.inspect(|instance| self.container_instance(instance, 1));
        }
    }
}

fn service_kind(service: &ServiceRecord) -> Kind {
    match &service.task_spec.launch_type {
        Some(launch_type) => Kind::of(launch_type),
        // FARGATE and FARGATE_SPOT are the only capacity providers, but for the user's own.
        None => {
            let strategy = service.task_spec.capacity_provider_strategy.first();
            let is_fargate =
                strategy.is_some_and(|item| item.capacity_provider.starts_with("FARGATE"));
            if is_fargate { Kind::Fargate } else { Kind::Ec2 }
        }
    }
}
