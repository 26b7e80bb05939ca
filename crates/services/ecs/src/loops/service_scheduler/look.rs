//! One service as the planner sees it, and when time alone may change the plan.

use std::time::Duration;

use api_ecs::types::{DeploymentAlarms, DeploymentConfiguration};
use clock::UnixMillis;
use ecs_rules::{
    deployment::{
        DeploymentView, Plan, ServiceView, TaskView, Wait, is_impaired, plan, proven_at,
        rollout::{AlarmsView, BreakerView, EarlySuccess, RolloutView, breaker_threshold},
        stages::{HookView, Shift, StagesView},
    },
    deployment_configuration::{MAXIMUM_PERCENT, MINIMUM_HEALTHY_PERCENT, shift},
    task_set::{self, TaskSetView, TaskSetsPlan, TaskSetsView},
};
use state::{Head, Record};

use super::{daemon, rebalance, rollout::is_of_stage};
use crate::{
    deployments, hook_calls,
    records::{
        AlarmStateRecord, ContainerInstanceRecord, DeploymentRecord, DesiredStatus, HealthStatus,
        RolloutState, RolloutStatus, ServiceDeploymentRecord, ServiceRecord, ServiceStatus, Stage,
        StageState, TaskRecord, TaskSetRecord, TaskStatus,
    },
    service_events::REPEAT_AFTER,
};

pub(crate) struct Look {
    pub plan: Plan,
    /// As the service's record shall have it: of a DAEMON service it follows the nodes.
    pub desired_count: i32,
    /// Of a service with the EXTERNAL deployment controller; `plan` is their summary.
    pub task_sets: Option<TaskSetsPlan>,
    /// When to look again without a change.
    pub times: Vec<UnixMillis>,
    /// An older binary left records out.
    needs_adoption: bool,
}

pub(crate) fn look(head: &Head, service: &ServiceRecord, now: UnixMillis) -> Look {
    let mut times = vec![];
    let rollout = rollout(head, service);
    let watched = rollout
        .as_ref()
        .filter(|view| view.breaker.is_some() && view.status == RolloutStatus::InProgress)
        .and_then(|_| service.primary())
        .map(|primary| primary.id.as_str());
    let tasks = head.index::<TaskRecord>("by_service", &service.key());
    let is_active = service.status == ServiceStatus::Active;
    let nodes = daemon::nodes(head, service).filter(|_| is_active);
    let desired_count = match &nodes {
        Some(nodes) => daemon::desired_count(nodes, &tasks),
        None => service.desired_count,
    };
    let is_daemon = nodes.is_some();
    let tasks = tasks
        .iter()
        .filter(|task| task.last_status != TaskStatus::Stopped)
        .map(|task| {
            let grace_end = grace_end(service, task).filter(|end| *end > now);
            times.extend(grace_end);
            let view = task_view(task, grace_end.is_some());
            let is_watched = watched == task.deployment_id.as_deref() && watched.is_some();
            let proven = view.started.map(proven_at);
            let unproven =
                is_watched && !view.has_health_check && proven.is_none_or(|proven| proven > now);
            times.extend(proven.filter(|_| unproven && !view.stopping));
            let protected_until = task.protected_until(now);
            times.extend(protected_until);
            TaskView {
                protected: protected_until.is_some(),
                // Of daemons the planner of daemons says when they leave.
                draining: !is_daemon && is_on_draining_node(head, task),
                unproven,
                ..view
            }
        })
        .collect();
    let configuration = &service.deployment_configuration;
    let minimum_healthy_percent = daemon::minimum_healthy_percent(service, desired_count)
        .or(configuration.minimum_healthy_percent)
        .unwrap_or(MINIMUM_HEALTHY_PERCENT);
    let maximum_percent = configuration.maximum_percent.unwrap_or(MAXIMUM_PERCENT);
    let (plan, task_sets) = if service.is_external() {
        let view = TaskSetsView {
            minimum_healthy_percent,
            maximum_percent,
            draining: service.status == ServiceStatus::Draining,
            sets: service.task_sets.iter().map(task_set_view).collect(),
            tasks,
        };
        let sets = task_set::plan(&view, now);
        (sets.summary(), Some(sets))
    } else {
        let view = ServiceView {
            desired_count,
            minimum_healthy_percent,
            maximum_percent,
            draining: service.status == ServiceStatus::Draining,
            deployments: service.deployments.iter().map(deployment_view).collect(),
            source: source(service),
            nodes,
            rebalance: rebalance::view(head, service, &tasks),
            rollout,
            tasks,
        };
        (plan(&view, now), None)
    };
    let needs_adoption = deployments::needs_adoption(service);
    times.extend(plan.look_again);
    if plan.steady
        && let Some(reported) = service.steady_state_reported_at
    {
        times.push(reported + REPEAT_AFTER);
    }
    Look {
        plan,
        desired_count,
        task_sets,
        times,
        needs_adoption,
    }
}

/// The deployment that traffic shifts away from: the one that was completed last.
pub(super) fn source(service: &ServiceRecord) -> Option<String> {
    let candidate = service.rollback_candidate.as_ref()?;
    Some(candidate.deployment_id.clone())
}

fn rollout(head: &Head, service: &ServiceRecord) -> Option<RolloutView> {
    let record = deployments::current(head, service)?;
    let configuration = &service.deployment_configuration;
    let primary = service.primary();
    let breaker = configuration.deployment_circuit_breaker.as_ref();
    let breaker = breaker.filter(|breaker| breaker.enable == Some(true));
    let bake = configuration.bake_time_in_minutes;
    let alarms = configuration.alarms.as_ref();
    Some(RolloutView {
        status: record.status,
        breaker: breaker.map(|breaker| BreakerView {
            threshold: breaker_threshold(breaker, service.desired_count),
            failures: primary.map_or(0, |primary| primary.breaker_failures),
            last_failure: primary.and_then(|primary| primary.last_breaker_failure_at),
            resets: breaker.reset_on_healthy_task != Some(false),
            rollback: breaker.rollback == Some(true),
        }),
        alarms: alarms
            .filter(|alarms| alarms.enable == Some(true))
            .map(|alarms| AlarmsView {
                in_alarm: in_alarm(head, service, alarms),
                rollback: alarms.rollback == Some(true),
            }),
        early_success: EarlySuccess::of(configuration),
        bake: minutes(bake),
        baking_since: record.baking_since,
        stages: record
            .stages
            .as_ref()
            .map(|state| stages(head, &record, configuration, state)),
    })
}

fn in_alarm(head: &Head, service: &ServiceRecord, alarms: &DeploymentAlarms) -> Vec<String> {
    let is_in_alarm = |name: &&String| {
        let key = AlarmStateRecord::key_of(&service.account, &service.region, name);
        head.get::<AlarmStateRecord>(&key)
            .is_some_and(|alarm| alarm.in_alarm)
    };
    let names = alarms.alarm_names.iter().flatten();
    names.filter(is_in_alarm).cloned().collect()
}

fn stages(
    head: &Head,
    record: &ServiceDeploymentRecord,
    configuration: &DeploymentConfiguration,
    state: &StageState,
) -> StagesView {
    let mut hooks = configuration.lifecycle_hooks.iter().flatten();
    let is_by_step = state.stage == Stage::ProductionTrafficShift;
    let own = state.hooks.iter().filter(|hook| {
        hook.stage == state.stage
            && (!is_by_step || hook.production_permille == state.production_permille)
    });
    StagesView {
        // Where nothing ran before there is no traffic to take over by and by.
        shift: match record.sources.is_empty() {
            false => shift(configuration),
            true => Shift::AllAtOnce,
        },
        bake: minutes(configuration.bake_time_in_minutes),
        stage: state.stage,
        entered: state.entered_at,
        production_permille: state.production_permille,
        shifted: state.shifted_at,
        test_permille: state.test_permille,
        has_hooks: hooks.any(|hook| is_of_stage(hook, state.stage)),
        hooks: own
            .map(|hook| HookView {
                id: hook.id.clone(),
                status: hook.status,
                answer: hook_calls::answer(head, record, hook),
                expires: hook.expires_at,
                timeout_action: hook.timeout_action,
            })
            .collect(),
    }
}

fn minutes(count: Option<i32>) -> Duration {
    Duration::from_secs(u64::try_from(count.unwrap_or_default()).unwrap_or(0) * 60)
}

impl Look {
    /// Whether anything is to be written.
    pub fn asks_for_work(&self, service: &ServiceRecord, now: UnixMillis) -> bool {
        let waits_for = |wait: Wait| self.plan.waits_for.contains(&wait);
        let is_blocked = waits_for(Wait::Percentages);
        !self.plan.is_empty()
            || self.needs_adoption
            || self.desired_count != service.desired_count
            || self.task_sets.as_ref().is_some_and(|sets| !sets.is_empty())
            || self.plan.steady && is_steady_state_due(service, now)
            || self.is_newly_impaired(service)
            || is_blocked && service.deployments.len() > 1
            || waits_for(Wait::ProtectedTasks)
    }

    /// Tasks keep failing to start, and nobody was told yet.
    pub fn is_newly_impaired(&self, service: &ServiceRecord) -> bool {
        let of_sets = service.task_sets.iter().map(|set| &set.deployment);
        service
            .primary()
            .into_iter()
            .chain(of_sets)
            .any(is_newly_impaired)
    }
}

pub(super) fn is_newly_impaired(deployment: &DeploymentRecord) -> bool {
    is_impaired(deployment.failed_tasks) && !deployment.impaired_reported
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
        .is_some_and(|node| node.is_being_left())
}

fn deployment_view(record: &DeploymentRecord) -> DeploymentView {
    DeploymentView {
        id: record.id.clone(),
        completed: record.rollout_state == RolloutState::Completed,
        failed: record.rollout_state == RolloutState::Failed,
        failed_tasks: record.failed_tasks,
        last_failure: record.last_failure_at,
        short_runs: record.short_runs,
        last_short_run: record.last_short_run_at,
        without_room: record.without_room,
    }
}

fn task_set_view(record: &TaskSetRecord) -> TaskSetView {
    TaskSetView {
        deployment: deployment_view(&record.deployment),
        computed_desired_count: record.deployment.desired_count,
        status: record.status,
        stability: record.stability,
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
        protected: false,
        has_health_check,
        unproven: false,
        health: if in_grace {
            HealthStatus::Unknown
        } else {
            task.health
        },
        availability_zone: task.availability_zone.clone(),
        node: task.container_instance_key.clone(),
        created: task.created_at,
        started: task.started_at,
    }
}
