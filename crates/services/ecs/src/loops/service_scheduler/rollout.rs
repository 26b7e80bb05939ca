//! Writes what becomes of a service deployment: its states, its failure and the way back, its stages.

use std::time::Duration;

use api_ecs::types::{DeploymentLifecycleHook, DeploymentLifecycleHookAction};
use clock::UnixMillis;
use ecs_rules::deployment::{
    rollout::{FailureCause, RolloutStep},
    stages::{StageStep, WHOLE_PERMILLE},
};
use state::Tx;

use crate::{
    Ecs, deployments, hook_calls,
    records::{
        DeploymentRecord, DeploymentRole, HookAction, HookRecord, HookStatus, MonitorStatus,
        RollbackState, RolloutState, RolloutStatus, ServiceDeploymentRecord, ServiceRecord, Stage,
    },
    service_events as events,
};

const NO_CANDIDATE: &str = "No rollback candidate was found to run the rollback.";
const BY_USER: &str = "Service deployment rolled back by user.";
const STOPPED_BY_USER: &str = "Service deployment stopped by user.";
/// How long a hook is waited for that says nothing of it.
const HOOK_MINUTES: i32 = 1_440;

pub(super) fn apply(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    record: &mut ServiceDeploymentRecord,
    step: &RolloutStep,
    now: UnixMillis,
) {
    record.updated_at = now;
    match step {
        RolloutStep::Begin => {
            record.status = RolloutStatus::InProgress;
            record.started_at = Some(now);
        }
        RolloutStep::Bake => record.baking_since = Some(now),
        RolloutStep::StopBaking => record.baking_since = None,
        RolloutStep::Complete => complete(ecs, tx, service, record, now),
        RolloutStep::Fail { cause, rollback } => {
            fail(ecs, tx, service, record, cause, *rollback, now);
        }
        RolloutStep::RollBack => {
            let event = format!("deployment failed: {BY_USER}");
            fail_primary(ecs, tx, service, BY_USER, &event, now);
            roll_back(ecs, tx, service, record, BY_USER, now);
        }
        RolloutStep::Stop => {
            let event = format!("deployment failed: {STOPPED_BY_USER}");
            fail_primary(ecs, tx, service, STOPPED_BY_USER, &event, now);
            let stopped = RolloutStatus::Stopped;
            deployments::end(tx, service, record, stopped, STOPPED_BY_USER, now);
        }
        RolloutStep::Stage(step) => {
            change_stage(ecs, tx, record, step, now);
            hook_calls::close(tx, record);
        }
    }
}

/// What was deployed is there, or what it was rolled back to.
fn complete(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    record: &mut ServiceDeploymentRecord,
    now: UnixMillis,
) {
    let status = if record.status == RolloutStatus::RollbackInProgress {
        RolloutStatus::RollbackSuccessful
    } else {
        RolloutStatus::Successful
    };
    deployments::end(tx, service, record, status, "", now);
    let task_spec = service.task_spec.clone();
    let Some(primary) = service.primary_mut() else {
        return;
    };
    let id = primary.id.clone();
    primary.rollout_state = RolloutState::Completed;
    primary.rollout_state_reason = format!("ECS deployment {id} completed.");
    primary.updated_at = now;
    let candidate = primary.as_candidate();
    service.rollback_candidate = candidate.map(|mut candidate| {
        candidate.task_spec = task_spec;
        candidate
    });
    events::add(ecs, tx, service, &events::completed(&id));
}

fn fail(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    record: &mut ServiceDeploymentRecord,
    cause: &FailureCause,
    rollback: bool,
    now: UnixMillis,
) {
    let verb = if rollback { "rolled back" } else { "stopped" };
    let (reason, state_reason, event) = match cause {
        FailureCause::TasksFailedToStart => {
            record.breaker.status = MonitorStatus::Triggered;
            (
                format!(
                    "Service deployment {verb} because the circuit breaker threshold was exceeded."
                ),
                "ECS deployment circuit breaker: tasks failed to start.".to_owned(),
                "deployment failed: tasks failed to start.".to_owned(),
            )
        }
        FailureCause::Alarms(names) => {
            record.alarms.status = MonitorStatus::Triggered;
            record.alarms.triggered = names.clone();
            (
                format!("Service deployment {verb} because of one or more active alarms."),
                "ECS deployment failed: alarm detected.".to_owned(),
                "deployment failed: alarm detected.".to_owned(),
            )
        }
        FailureCause::Hook(stage) => {
            let reason =
                format!("Service deployment {verb} because {stage} lifecycle hook(s) failed.");
            let event = format!("deployment failed: {reason}");
            (reason.clone(), reason, event)
        }
    };
    fail_primary(ecs, tx, service, &state_reason, &event, now);
    if rollback {
        roll_back(ecs, tx, service, record, &reason, now);
    } else {
        deployments::end(tx, service, record, RolloutStatus::Stopped, &reason, now);
    }
}

fn fail_primary(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    state_reason: &str,
    event: &str,
    now: UnixMillis,
) {
    let Some(primary) = service.primary_mut() else {
        return;
    };
    primary.rollout_state = RolloutState::Failed;
    primary.rollout_state_reason = state_reason.to_owned();
    primary.updated_at = now;
    let text = format!("(deployment {}) {event}", primary.id);
    events::add(ecs, tx, service, &text);
}

/// The last completed deployment becomes the PRIMARY again, under its own id.
fn roll_back(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
    record: &mut ServiceDeploymentRecord,
    reason: &str,
    now: UnixMillis,
) {
    let failed = service.primary().map(|primary| primary.id.clone());
    let candidate = service
        .rollback_candidate
        .clone()
        .filter(|candidate| Some(&candidate.deployment_id) != failed.as_ref());
    record.status_reason = Some(reason.to_owned());
    record.rollback = Some(RollbackState {
        reason: reason.to_owned(),
        revision: candidate
            .as_ref()
            .map(|candidate| candidate.revision.clone()),
        started_at: now,
    });
    if let Some(failed) = service.primary() {
        record.breaker.failures = failed.breaker_failures;
    }
    let Some(candidate) = candidate else {
        let status = RolloutStatus::RollbackFailed;
        deployments::end(tx, service, record, status, NO_CANDIDATE, now);
        return;
    };
    let id = candidate.deployment_id.clone();
    let mut primary = match take(&mut service.deployments, &id) {
        Some(known) => known,
        None => DeploymentRecord::new(
            id.clone(),
            candidate.revision.clone(),
            candidate.task_spec.clone(),
            service.desired_count,
            String::new(),
            now,
        ),
    };
    for deployment in &mut service.deployments {
        deployment.role = DeploymentRole::Active;
    }
    primary.role = DeploymentRole::Primary;
    primary.rollout_state = RolloutState::InProgress;
    primary.rollout_state_reason = match record.breaker.status {
        MonitorStatus::Triggered => {
            format!("ECS deployment circuit breaker: rolling back to deploymentId {id}.")
        }
        _ => format!("ECS deployment rolling back to deploymentId {id}."),
    };
    primary.desired_count = service.desired_count;
    primary.without_room = false;
    primary.forget_failures(now);
    service.deployments.insert(0, primary);
    service.task_spec = candidate.task_spec;
    service.updated_at = now;
    service.version += 1;
    record.status = RolloutStatus::RollbackInProgress;
    if let Some(stages) = &mut record.stages {
        stages.stage = Stage::CleanUp;
        stages.entered_at = now;
        stages.production_permille = 0;
        stages.test_permille = 0;
    }
    events::add(
        ecs,
        tx,
        service,
        &format!("rolling back to deployment {id}."),
    );
}

fn take(deployments: &mut Vec<DeploymentRecord>, id: &str) -> Option<DeploymentRecord> {
    let position = deployments
        .iter()
        .position(|deployment| deployment.id == id)?;
    Some(deployments.remove(position))
}

fn change_stage(
    ecs: &Ecs,
    tx: &mut Tx<'_>,
    record: &mut ServiceDeploymentRecord,
    step: &StageStep,
    now: UnixMillis,
) {
    if *step == StageStep::OpenHooks {
        return open_hooks(ecs, tx, record, now);
    }
    let Some(stages) = &mut record.stages else {
        return;
    };
    match step {
        StageStep::Enter(stage) => {
            stages.stage = *stage;
            stages.entered_at = now;
        }
        StageStep::TimeOut { hook } => stages.set_hook(hook, HookStatus::TimedOut),
        StageStep::Answer { hook, status } => stages.set_hook(hook, *status),
        StageStep::ShiftProduction { permille } => {
            stages.production_permille = *permille;
            stages.shifted_at = Some(now);
        }
        StageStep::ShiftTest => stages.test_permille = WHOLE_PERMILLE,
        StageStep::OpenHooks | StageStep::Wait | StageStep::Fail { .. } | StageStep::Done => {}
    }
}

fn open_hooks(ecs: &Ecs, tx: &mut Tx<'_>, record: &mut ServiceDeploymentRecord, now: UnixMillis) {
    let Some(stages) = &record.stages else {
        return;
    };
    let (stage, permille) = (stages.stage, stages.production_permille);
    let hooks = record.configuration.lifecycle_hooks.iter().flatten();
    let own = hooks.filter(|hook| is_of_stage(hook, stage));
    let opened: Vec<HookRecord> = own
        .map(|hook| {
            let opened = open(ecs, hook, stage, permille, now);
            hook_calls::call(tx, record, hook, &opened, now);
            opened
        })
        .collect();
    if let Some(stages) = &mut record.stages {
        stages.hooks.extend(opened);
    }
}

pub(super) fn is_of_stage(hook: &DeploymentLifecycleHook, stage: Stage) -> bool {
    let mut stages = hook.lifecycle_stages.iter().flatten();
    stages.any(|of| of.as_str() == stage.as_str())
}

fn open(
    ecs: &Ecs,
    hook: &DeploymentLifecycleHook,
    stage: Stage,
    production_permille: i32,
    now: UnixMillis,
) -> HookRecord {
    let timeout = hook.timeout_configuration.as_ref();
    let minutes = timeout.and_then(|timeout| timeout.timeout_in_minutes);
    let minutes = u64::try_from(minutes.unwrap_or(HOOK_MINUTES)).unwrap_or(0);
    let action = timeout.and_then(|timeout| timeout.action.as_ref());
    HookRecord {
        id: names::pause_hook_id(&ecs.clock),
        stage,
        production_permille,
        status: match hook.hook_target_arn {
            Some(_) => HookStatus::InProgress,
            None => HookStatus::AwaitingAction,
        },
        function_arn: hook.hook_target_arn.clone(),
        expires_at: now + Duration::from_secs(minutes * 60),
        timeout_action: match action {
            Some(action) if *action == DeploymentLifecycleHookAction::CONTINUE => {
                HookAction::Continue
            }
            _ => HookAction::Rollback,
        },
    }
}
