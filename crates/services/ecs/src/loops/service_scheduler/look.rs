//! One service as the planner sees it, and when time alone may change the plan.

use clock::UnixMillis;
use ecs_rules::{
    deployment::{DeploymentView, Plan, ServiceView, TaskView, Wait, is_impaired, plan},
    service::{MAXIMUM_PERCENT, MINIMUM_HEALTHY_PERCENT},
};
use state::{Head, Record};

use crate::{
    records::{
        ContainerInstanceRecord, ContainerInstanceStatus, DeploymentRecord, DesiredStatus,
        HealthStatus, RolloutState, ServiceRecord, ServiceStatus, TaskRecord, TaskStatus,
    },
    service_events::REPEAT_AFTER,
};

pub(super) struct Look {
    pub plan: Plan,
    /// When to look again without a change.
    pub times: Vec<UnixMillis>,
}

pub(super) fn look(head: &Head, service: &ServiceRecord, now: UnixMillis) -> Look {
    let mut times = vec![];
    let tasks = head.index::<TaskRecord>("by_service", &service.key());
    let tasks = tasks
        .iter()
        .filter(|task| task.last_status != TaskStatus::Stopped)
        .map(|task| {
            let grace_end = grace_end(service, task).filter(|end| *end > now);
            times.extend(grace_end);
            TaskView {
                draining: is_on_draining_node(head, task),
                ..task_view(task, grace_end.is_some())
            }
        })
        .collect();
    let configuration = &service.deployment_configuration;
    let view = ServiceView {
        desired_count: service.desired_count,
        minimum_healthy_percent: configuration
            .minimum_healthy_percent
            .unwrap_or(MINIMUM_HEALTHY_PERCENT),
        maximum_percent: configuration.maximum_percent.unwrap_or(MAXIMUM_PERCENT),
        draining: service.status == ServiceStatus::Draining,
        deployments: service.deployments.iter().map(deployment_view).collect(),
        tasks,
    };
    let plan = plan(&view, now);
    times.extend(plan.look_again);
    if plan.steady
        && let Some(reported) = service.steady_state_reported_at
    {
        times.push(reported + REPEAT_AFTER);
    }
    Look { plan, times }
}

impl Look {
    /// Whether anything is to be written.
    pub fn asks_for_work(&self, service: &ServiceRecord, now: UnixMillis) -> bool {
        let is_blocked = self.plan.waits_for.contains(&Wait::Percentages);
        !self.plan.is_empty()
            || self.plan.steady && is_steady_state_due(service, now)
            || self.is_newly_impaired(service)
            || is_blocked && service.deployments.len() > 1
    }

    /// Tasks keep failing to start, and nobody was told yet.
    pub fn is_newly_impaired(&self, service: &ServiceRecord) -> bool {
        service
            .primary()
            .is_some_and(|primary| is_impaired(primary.failed_tasks) && !primary.impaired_reported)
    }
}

pub(super) fn is_steady_state_due(service: &ServiceRecord, now: UnixMillis) -> bool {
    let reported = service.steady_state_reported_at;
    reported.is_none_or(|reported| now.since(reported) >= REPEAT_AFTER)
}

/// Until when an unhealthy task is given time; only of one that is unhealthy, the others have no use for it.
fn grace_end(service: &ServiceRecord, task: &TaskRecord) -> Option<UnixMillis> {
    let seconds = u64::try_from(service.health_check_grace_period_seconds?).ok()?;
    let started = task.started_at?;
    let grace = std::time::Duration::from_secs(seconds);
    (task.health == HealthStatus::Unhealthy).then(|| started + grace)
}

fn is_on_draining_node(head: &Head, task: &TaskRecord) -> bool {
    let key = task.container_instance_key.as_ref();
    key.and_then(|key| head.get::<ContainerInstanceRecord>(key))
        .is_some_and(|node| node.status == ContainerInstanceStatus::Draining)
}

fn deployment_view(record: &DeploymentRecord) -> DeploymentView {
    DeploymentView {
        id: record.id.clone(),
        completed: record.rollout_state == RolloutState::Completed,
        failed_tasks: record.failed_tasks,
        last_failure: record.last_failure_at,
        short_runs: record.short_runs,
        last_short_run: record.last_short_run_at,
        without_room: record.without_room,
    }
}

fn task_view(task: &TaskRecord, in_grace: bool) -> TaskView {
    let has_health_check = task
        .containers
        .iter()
        .any(|container| container.essential && container.has_health_check);
    TaskView {
        key: task.key(),
        deployment_id: task.deployment_id.clone().unwrap_or_default(),
        status: task.last_status,
        stopping: task.desired_status == DesiredStatus::Stopped,
        draining: false,
        has_health_check,
        health: if in_grace {
            HealthStatus::Unknown
        } else {
            task.health
        },
        availability_zone: task.availability_zone.clone(),
        node: task.container_instance_key.clone(),
        created: task.created_at,
    }
}
