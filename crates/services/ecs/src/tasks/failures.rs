//! Counts the tasks of a deployment that never ran, in the transaction that ends them: the scheduler starts further
//! ones more and more slowly (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-throttle-logic.html>).

use clock::UnixMillis;
use ecs_rules::{deployment::is_short_run, task_state::stop_code};
use state::Tx;

use crate::records::{
    DeploymentRecord, HealthStatus, RolloutState, ServiceRecord, TaskRecord, TaskStatus,
};

/// To be called for every change of a task. A stop code is written once, so nothing is counted twice.
pub(super) fn count(tx: &mut Tx<'_>, before: &TaskRecord, after: &TaskRecord) {
    let (Some(service), Some(deployment_id)) = (&after.service, &after.deployment_id) else {
        return;
    };
    let outcome = Outcome::of(before, after);
    let run = Run::of(before, after);
    let became_healthy =
        before.health != HealthStatus::Healthy && after.health == HealthStatus::Healthy;
    if outcome.is_none() && run.is_none() && !became_healthy {
        return;
    }
    let key = ServiceRecord::key_of(&after.account, &after.region, &after.cluster, service);
    let Some(known) = tx.get::<ServiceRecord>(&key) else {
        return;
    };
    let mut record = ServiceRecord::clone(&known);
    let breaker = record
        .deployment_configuration
        .deployment_circuit_breaker
        .clone();
    let resets = breaker.is_none_or(|breaker| breaker.reset_on_healthy_task != Some(false));
    if let Some(deployment) = record.deployment_mut(deployment_id) {
        if became_healthy && resets {
            deployment.breaker_failures = 0;
        }
        if let Some(failed_at) = breaker_failure(outcome.as_ref(), run.as_ref(), after)
            && deployment.rollout_state == RolloutState::InProgress
        {
            deployment.breaker_failures = deployment.breaker_failures.saturating_add(1);
            deployment.last_breaker_failure_at = Some(failed_at);
        }
        if let Some(outcome) = outcome {
            outcome.apply(deployment, after);
        }
        if let Some(run) = run {
            run.apply(deployment);
        }
        tx.put(record);
    }
}

/// When the task failed, if it is a failure to the circuit breaker: it never ran, ended at once, or ended before its
/// health check was passed. (One that is stopped for its health is counted by the scheduler, which stops it.)
fn breaker_failure(
    outcome: Option<&Outcome>,
    run: Option<&Run>,
    task: &TaskRecord,
) -> Option<UnixMillis> {
    if matches!(outcome, Some(Outcome::FailedToStart)) {
        return task.stopping_at.or(task.stopped_at);
    }
    let mut containers = task.containers.iter();
    let is_checked = containers.any(|container| container.essential && container.has_health_check);
    match run? {
        Run::Short { ended } => Some(*ended),
        Run::Long { ended } => {
            (is_checked && task.health != HealthStatus::Healthy).then_some(*ended)
        }
    }
}

/// How long a task ran that ended by itself.
enum Run {
    Short { ended: UnixMillis },
    Long { ended: UnixMillis },
}

impl Run {
    fn of(before: &TaskRecord, after: &TaskRecord) -> Option<Self> {
        let ended_now = before.stop_code.is_none()
            && after.stop_code.as_deref() == Some(stop_code::ESSENTIAL_CONTAINER_EXITED);
        let ended = after
            .stopping_at
            .or(after.stopped_at)
            .filter(|_| ended_now)?;
        Some(match is_short_run(after.started_at, ended) {
            true => Self::Short { ended },
            false => Self::Long { ended },
        })
    }

    fn apply(self, deployment: &mut DeploymentRecord) {
        match self {
            Self::Short { ended } => {
                deployment.short_runs = deployment.short_runs.saturating_add(1);
                deployment.last_short_run_at = Some(ended);
            }
            Self::Long { .. } => {
                deployment.short_runs = 0;
                deployment.last_short_run_at = None;
            }
        }
    }
}

enum Outcome {
    Ran,
    FailedToStart,
}

impl Outcome {
    fn of(before: &TaskRecord, after: &TaskRecord) -> Option<Self> {
        let new_cause = match &before.stop_code {
            None => after.stop_code.as_deref(),
            Some(_) => None,
        };
        let got_there =
            before.last_status < TaskStatus::Running && after.last_status == TaskStatus::Running;
        // One that was over before anyone heard of its start ran nevertheless.
        let ran_unseen = before.last_status < TaskStatus::Running
            && new_cause == Some(stop_code::ESSENTIAL_CONTAINER_EXITED);
        if got_there || ran_unseen {
            Some(Self::Ran)
        } else if new_cause == Some(stop_code::TASK_FAILED_TO_START) {
            Some(Self::FailedToStart)
        } else {
            None
        }
    }

    fn apply(self, deployment: &mut DeploymentRecord, task: &TaskRecord) {
        match self {
            Self::Ran => {
                deployment.failed_tasks = 0;
                deployment.last_failure_at = None;
                deployment.impaired_reported = false;
            }
            Self::FailedToStart => {
                deployment.failed_tasks = deployment.failed_tasks.saturating_add(1);
                deployment.last_failure_at = task.stopping_at.or(task.stopped_at);
            }
        }
    }
}
