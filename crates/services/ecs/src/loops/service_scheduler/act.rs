//! Carries one plan out, as far as one transaction reaches. What is left over is planned again at once: the change to
//! the tasks wakes the loop.

use std::collections::HashMap;

use clock::UnixMillis;
use ecs_rules::{
    deployment::{Plan as DeploymentPlan, RebalanceStep, Stop, StopCause, Wait},
    task_state::stop_code,
};
use kit::LoopError;
use state::{Head, Record, Tx};

use super::{
    daemon,
    look::{self, Look},
    rebalance, rollout, task_sets,
};
use crate::{
    Ecs, deployments,
    launch::{self, Placing, Plan},
    records::{
        DaemonSpec, DeploymentRecord, DesiredStatus, RolloutState, ServiceDeploymentRecord,
        ServiceRecord, ServiceStatus, Tags, TaskDefinitionRecord, TaskRecord, TaskStatus,
    },
    service_events as events,
    tasks::{self, Creation, NewTask},
};

/// A new task is two rows with its address, a stopped one is one; the service, its events and those that make room
/// for them are a dozen. Together they stay below the hundred rows of a transaction.
const STARTS_AT_ONCE: usize = 25;
const STOPS_AT_ONCE: usize = 30;
/// Unhealthy tasks that get an event each.
const UNHEALTHY_TOLD: usize = 5;

pub(super) fn act(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    look: &Look,
    now: UnixMillis,
) -> Result<(), LoopError> {
    let plan = &look.plan;
    if let Some(sets) = &look.task_sets {
        return task_sets::act(ecs, tx, service, sets, now);
    }
    deployments::adopt(&ecs.clock, tx, service);
    if service.desired_count != look.desired_count {
        service.desired_count = look.desired_count;
        service.version += 1;
        if let Some(primary) = service.primary_mut() {
            primary.desired_count = look.desired_count;
        }
    }
    let stops = bounded(&plan.stop, STOPS_AT_ONCE);
    stop(ecs, tx, service, None, stops, now);
    // Room for new tasks may come from those that stop in the same plan.
    if stops.len() == plan.stop.len() {
        start_all(ecs, tx, service, plan, now)?;
    }
    if let Some(step) = &plan.rebalance {
        rebalance::act(ecs, tx, service, step, now)?;
    }
    let moves = matches!(plan.rebalance, Some(RebalanceStep::Start { .. }));
    if plan.start > 0 || !plan.stop.is_empty() || moves {
        service.steady_state_reported_at = None;
    }
    if plan.inactive {
        deployments::end_tear_down(tx, service, now);
        retire(service, now);
        return Ok(());
    }
    service
        .deployments
        .retain(|deployment| !plan.drop_deployments.contains(&deployment.id));
    if plan.forget_failures
        && let Some(primary) = service.primary_mut()
    {
        primary.breaker_failures = 0;
    }
    follow_rollout(ecs, tx, service, plan, now);
    if plan.steady && look::is_steady_state_due(service, now) {
        events::add(ecs, tx, service, events::STEADY);
        service.steady_state_reported_at = Some(now);
    }
    if plan.waits_for.contains(&Wait::Percentages) && service.deployments.len() > 1 {
        events::add_once(ecs, tx, service, events::BLOCKED);
    }
    if plan.waits_for.contains(&Wait::ProtectedTasks)
        && let Some(primary) = service.primary()
    {
        let text = events::protected(&primary.id);
        events::add_once(ecs, tx, service, &text);
    }
    if look.is_newly_impaired(service) {
        events::add(ecs, tx, service, &events::impaired());
        if let Some(primary) = service.primary_mut() {
            primary.impaired_reported = true;
        }
    }
    Ok(())
}

/// The last task of a deleted service is gone.
pub(super) fn retire(service: &mut ServiceRecord, now: UnixMillis) {
    service.status = ServiceStatus::Inactive;
    service.deployments.clear();
    service.task_sets.clear();
    service.updated_at = now;
    service.version += 1;
}

/// What becomes of the service deployment, and why it waits.
fn follow_rollout(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    plan: &DeploymentPlan,
    now: UnixMillis,
) {
    let Some(known) = deployments::current(tx, service) else {
        return;
    };
    let mut record = ServiceDeploymentRecord::clone(&known);
    if !record.status.is_over() {
        record.waits_for.clone_from(&plan.waits_for);
    }
    if let Some(step) = &plan.rollout {
        rollout::apply(ecs, tx, service, &mut record, step, now);
    }
    tx.put(record);
}

fn start_all(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    plan: &DeploymentPlan,
    now: UnixMillis,
) -> Result<(), LoopError> {
    if !plan.start_on.is_empty() {
        return daemon::start_on(ecs, tx, service, &plan.start_on, now);
    }
    let count = |count: i32| usize::try_from(count).unwrap_or(0).min(STARTS_AT_ONCE);
    if plan.start_source > 0
        && let Some(source) = look::source(service)
    {
        return start(ecs, tx, service, &source, count(plan.start_source), now);
    }
    if plan.start > 0
        && let Some(primary) = service.primary().map(|primary| primary.id.clone())
    {
        return start(ecs, tx, service, &primary, count(plan.start), now);
    }
    Ok(())
}

/// What one transaction has room for.
pub(super) fn bounded(stops: &[Stop], most: usize) -> &[Stop] {
    &stops[..stops.len().min(most)]
}

/// Stops tasks: of one task set, or of the service as a whole.
pub(super) fn stop(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    task_set: Option<&str>,
    stops: &[Stop],
    now: UnixMillis,
) {
    let (mut stopped, mut pending, mut unhealthy) = (vec![], 0, 0);
    let mut moved: Vec<(String, String)> = vec![];
    for stop in stops {
        let reason = stopped_reason(service, &stop.cause);
        let before = tx.get::<TaskRecord>(&stop.key);
        let ran = before
            .as_ref()
            .is_some_and(|task| task.last_status >= TaskStatus::Running);
        let (zone, deployment_id) = before
            .map(|task| (task.availability_zone.clone(), task.deployment_id.clone()))
            .unwrap_or_default();
        let zone = zone.unwrap_or_default();
        if tasks::stop(
            tx,
            &stop.key,
            stop_code::SERVICE_SCHEDULER_INITIATED,
            &reason,
            now,
        ) {
            let is_moved = matches!(stop.cause, StopCause::Rebalancing { .. });
            match ran {
                true if is_moved => moved.push((zone, id_of(&stop.key))),
                true => stopped.push(id_of(&stop.key)),
                false => pending += 1,
            }
            if stop.cause == StopCause::FailedHealthChecks {
                count_unhealthy(service, deployment_id.as_deref(), now);
                if unhealthy < UNHEALTHY_TOLD {
                    unhealthy += 1;
                    let id = id_of(&stop.key);
                    let text = format!("(task {id}) failed container health checks.");
                    events::add(ecs, tx, service, &text);
                }
            }
        }
    }
    if pending > 0 {
        let text = events::stopped_pending(pending);
        events::add_of(ecs, tx, service, task_set, &text);
    }
    if !stopped.is_empty() {
        let text = events::stopped(&stopped);
        events::add_of(ecs, tx, service, task_set, &text);
    }
    for (zone, task) in moved {
        events::add(ecs, tx, service, &events::stopped_for_balance(&zone, &task));
    }
}

/// A task of the deployment under way that failed its health checks is a failure to the circuit breaker. One of those before
/// is none: it may be what the deployment is to mend.
fn count_unhealthy(service: &mut ServiceRecord, deployment_id: Option<&str>, now: UnixMillis) {
    if let Some(primary) = service.primary_mut()
        && primary.rollout_state == RolloutState::InProgress
        && deployment_id == Some(primary.id.as_str())
    {
        primary.breaker_failures = primary.breaker_failures.saturating_add(1);
        primary.last_breaker_failure_at = Some(now);
    }
}

fn stopped_reason(service: &ServiceRecord, cause: &StopCause) -> String {
    let scaling = |id: &str| format!("Scaling activity initiated by (deployment {id})");
    match cause {
        StopCause::Scaling { deployment_id } | StopCause::Rebalancing { deployment_id } => {
            scaling(deployment_id)
        }
        StopCause::FailedHealthChecks => "Task failed container health checks".into(),
        StopCause::ServiceDeleted => {
            let primary = service.primary();
            scaling(primary.map_or("", |primary| primary.id.as_str()))
        }
    }
}

/// Starts tasks of a deployment or a task set until one finds no room.
pub(super) fn start(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    deployment_id: &str,
    count: usize,
    now: UnixMillis,
) -> Result<(), LoopError> {
    let Some(deployment) = service.deployment(deployment_id).cloned() else {
        return Ok(());
    };
    let batch = Batch::of(tx, service, &deployment)?;
    let mut on_provider = tasks_by_provider(tx, service, &deployment);
    let (mut started, mut refused) = (vec![], None);
    for _ in 0..count {
        let platform = deployment.task_spec.platform_version.as_deref();
        let launch = batch.plan.next(platform, |provider| {
            on_provider.get(provider).copied().unwrap_or_default()
        });
        if let Some(provider) = &launch.capacity_provider {
            *on_provider.entry(provider.clone()).or_default() += 1;
        }
        let is_serverless = launch.is_serverless();
        match tasks::create(ecs, tx, &batch.task(service, &deployment, launch))? {
            Creation::Placed(task) | Creation::Waiting(task) => started.push(task.id),
            Creation::NoRoom(no_room) => {
                refused = Some(events::without_room(&no_room, is_serverless));
                break;
            }
        }
    }
    let id = Some(deployment_id);
    if !started.is_empty() {
        let text = events::started(&started);
        events::add_of(ecs, tx, service, id, &text);
    }
    if let Some(text) = &refused {
        events::add_once_of(ecs, tx, service, id, text);
    }
    if let Some(deployment) = service.deployment_mut(deployment_id)
        && deployment.without_room != refused.is_some()
    {
        deployment.without_room = refused.is_some();
        deployment.updated_at = now;
    }
    Ok(())
}

/// What placement would be asked about the next task of the PRIMARY deployment.
pub(crate) fn next_task(ecs: &Ecs, head: &Head, service: &ServiceRecord) -> Option<tasks::Wanted> {
    let deployment = service.primary()?;
    let batch = Batch::of(head, service, deployment).ok()?;
    let platform = deployment.task_spec.platform_version.as_deref();
    let on_provider = tasks_by_provider(head, service, deployment);
    let launch = batch.plan.next(platform, |provider| {
        on_provider.get(provider).copied().unwrap_or_default()
    });
    let new = batch.task(service, deployment, launch);
    Some(tasks::wanted_of_new(ecs, &new))
}

/// What the tasks of one deployment have in common.
pub(super) struct Batch {
    pub definition: std::sync::Arc<TaskDefinitionRecord>,
    pub plan: Plan,
    pub placing: Placing,
    tags: Tags,
}

impl Batch {
    pub fn of(
        head: &Head,
        service: &ServiceRecord,
        deployment: &DeploymentRecord,
    ) -> Result<Self, LoopError> {
        let spec = &deployment.task_spec;
        let key = spec.definition_key(service);
        let definition = head
            .get::<TaskDefinitionRecord>(&key)
            .ok_or_else(|| LoopError::Other(format!("the task definition {key} is gone")))?;
        let plan = spec.plan();
        let constraints: Vec<_> = spec
            .placement_constraints
            .iter()
            .map(|own| own.0.clone())
            .collect();
        let strategies: Vec<_> = spec
            .placement_strategy
            .iter()
            .map(|own| own.0.clone())
            .collect();
        let shape = &definition.definition;
        let placing = launch::placing(&plan, shape, &constraints, &strategies)
            .map_err(|refusal| LoopError::Other(refusal.to_string()))?;
        Ok(Self {
            tags: tags(service, deployment, &definition),
            definition,
            plan,
            placing,
        })
    }

    /// On whose capacity the next task runs.
    pub fn next_launch(
        &self,
        head: &Tx<'_>,
        service: &ServiceRecord,
        deployment: &DeploymentRecord,
    ) -> tasks::Launch {
        let on_provider = tasks_by_provider(head, service, deployment);
        let platform = deployment.task_spec.platform_version.as_deref();
        self.plan.next(platform, |provider| {
            on_provider.get(provider).copied().unwrap_or_default()
        })
    }

    pub fn task<'a>(
        &'a self,
        service: &'a ServiceRecord,
        deployment: &DeploymentRecord,
        launch: tasks::Launch,
    ) -> NewTask<'a> {
        NewTask {
            account: &service.account,
            region: &service.region,
            cluster: &service.cluster,
            definition: &self.definition,
            launch,
            group: service.group(),
            service: Some(service.name.clone()),
            deployment_id: Some(deployment.id.clone()),
            started_by: Some(deployment.id.clone()),
            network_configuration: deployment.task_spec.network_configuration.clone(),
            overrides: None,
            placing: self.placing.clone(),
            enable_execute_command: service.enable_execute_command,
            reference_id: None,
            tags: self.tags.clone(),
        }
    }
}

fn tags(
    service: &ServiceRecord,
    deployment: &DeploymentRecord,
    definition: &TaskDefinitionRecord,
) -> Tags {
    if let Some(spec) = &deployment.task_spec.daemon {
        return tags_of_daemon(service, spec);
    }
    let mut tags = match service.propagate_tags.as_str() {
        "SERVICE" => service.tags.clone(),
        "TASK_DEFINITION" => definition.tags.clone(),
        _ => vec![],
    };
    if service.enable_ecs_managed_tags {
        tags.push(("aws:ecs:clusterName".into(), service.cluster.clone()));
        tags.push(("aws:ecs:serviceName".into(), service.name.clone()));
    }
    tags
}

fn tags_of_daemon(service: &ServiceRecord, spec: &DaemonSpec) -> Tags {
    let mut tags = match spec.propagate_tags {
        true => service.tags.clone(),
        false => vec![],
    };
    if spec.enable_ecs_managed_tags {
        let name = service.daemon_name().unwrap_or_default();
        tags.push(("aws:ecs:clusterName".into(), service.cluster.clone()));
        tags.push(("aws:ecs:daemonName".into(), name.into()));
    }
    tags
}

/// How the deployment's tasks are spread over the providers of its strategy now.
fn tasks_by_provider(
    head: &Head,
    service: &ServiceRecord,
    deployment: &DeploymentRecord,
) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    if deployment.task_spec.capacity_provider_strategy.is_empty() {
        return counts;
    }
    for task in head.index::<TaskRecord>("by_service", &service.key()) {
        let is_ours = task.desired_status == DesiredStatus::Running
            && task.deployment_id.as_ref() == Some(&deployment.id);
        if let (true, Some(provider)) = (is_ours, &task.capacity_provider) {
            *counts.entry(provider.clone()).or_default() += 1;
        }
    }
    counts
}

fn id_of(key: &str) -> String {
    key.rsplit('/').next().unwrap_or_default().to_owned()
}
