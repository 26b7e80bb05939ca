//! Service deployments: forward only, watched for as long as was asked, rolled back to what was completed last.

use std::collections::BTreeMap;
use std::time::Duration;

use service_ecs::records::{
    DeploymentRole, RolloutState, RolloutStatus, ServiceDeploymentRecord, ServiceRecord,
    ServiceStatus, Stage,
};

/// Rows by key.
pub type Rollouts = BTreeMap<String, ServiceDeploymentRecord>;

const WHOLE_PERMILLE: i32 = 1_000;

/// The two revisions that run side by side while traffic shifts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    /// The deployment whose tasks are kept whole.
    pub source: Option<String>,
    pub runs_target: bool,
}

impl Sides {
    /// None where all tasks are one set.
    pub fn of(service: &ServiceRecord, rollout: Option<&ServiceDeploymentRecord>) -> Option<Self> {
        let rollout = rollout?;
        let is_going_on = matches!(
            rollout.status,
            RolloutStatus::Pending | RolloutStatus::InProgress
        );
        let stage = rollout.stages.as_ref()?.stage;
        if !is_going_on || stage >= Stage::CleanUp {
            return None;
        }
        let primary = service.primary().map(|primary| primary.id.as_str());
        let candidate = service.rollback_candidate.as_ref();
        let source = candidate.map(|candidate| candidate.deployment_id.clone());
        Some(Self {
            source: source.filter(|source| Some(source.as_str()) != primary),
            runs_target: stage >= Stage::ScaleUp,
        })
    }
}

/// What is wrong with a change of a service deployment. `rows` are as they were before it, `service` as it is after.
pub fn wrong_with_rollout(
    before: Option<&ServiceDeploymentRecord>,
    after: &ServiceDeploymentRecord,
    rows: &Rollouts,
    service: Option<&ServiceRecord>,
) -> Option<String> {
    // The one by which a daemon is deleted is not watched.
    let is_tear_down = service.is_some_and(|service| service.status != ServiceStatus::Active);
    let Some(before) = before else {
        let is_new = after.status == RolloutStatus::Pending || is_tear_down;
        return (!is_new).then(|| format!("it began as {}", after.status.as_str()));
    };
    let statuses = format!("{} to {}", before.status.as_str(), after.status.as_str());
    if before.status.is_over() && before != after {
        return Some(format!("from {statuses} after it was over"));
    }
    if rank(after.status) < rank(before.status) {
        return Some(format!("from {statuses}"));
    }
    let is_new = before.status != after.status;
    if is_new && after.status == RolloutStatus::Successful && !is_tear_down {
        return wrong_with_success(before, after);
    }
    if is_new && after.status == RolloutStatus::RollbackInProgress {
        return wrong_with_rollback(after, rows, service?);
    }
    wrong_with_stage(before, after)
}

fn rank(status: RolloutStatus) -> u8 {
    match status {
        RolloutStatus::Pending => 0,
        RolloutStatus::InProgress => 1,
        RolloutStatus::StopRequested | RolloutStatus::RollbackRequested => 2,
        RolloutStatus::RollbackInProgress => 3,
        _ => 4,
    }
}

/// An update may shorten or lengthen the time while it lasts.
fn least_bake(before: &ServiceDeploymentRecord, after: &ServiceDeploymentRecord) -> Duration {
    let minutes = [before, after].map(|record| record.configuration.bake_time_in_minutes);
    let least = minutes.into_iter().map(Option::unwrap_or_default).min();
    Duration::from_secs(60 * u64::try_from(least.unwrap_or_default()).unwrap_or(0))
}

fn wrong_with_success(
    before: &ServiceDeploymentRecord,
    after: &ServiceDeploymentRecord,
) -> Option<String> {
    if let Some(stages) = &before.stages {
        let is_last = stages.stage == Stage::CleanUp;
        return (!is_last).then(|| format!("SUCCESSFUL in {}", stages.stage.as_str()));
    }
    let bake = least_bake(before, after);
    let ended = after.finished_at?;
    let watched = before.baking_since.map(|since| ended.since(since));
    (!bake.is_zero() && watched.is_none_or(|watched| watched < bake))
        .then(|| format!("SUCCESSFUL after {watched:?}, and {bake:?} of bake time were asked for"))
}

fn wrong_with_stage(
    before: &ServiceDeploymentRecord,
    after: &ServiceDeploymentRecord,
) -> Option<String> {
    let (Some(left), Some(entered)) = (&before.stages, &after.stages) else {
        return None;
    };
    if entered.stage < left.stage {
        return Some(format!(
            "from {} back to {}",
            left.stage.as_str(),
            entered.stage.as_str()
        ));
    }
    if after.status == RolloutStatus::InProgress
        && let Some(wrong) = wrong_with_traffic(before, after)
    {
        return Some(wrong);
    }
    if entered.stage == left.stage || after.status != RolloutStatus::InProgress {
        return None;
    }
    let watched = entered.entered_at.since(left.entered_at);
    let bake = least_bake(before, after);
    if left.stage == Stage::BakeTime && watched < bake {
        return Some(format!("left BAKE_TIME after {watched:?} of {bake:?}"));
    }
    let is_shifted = entered.production_permille == WHOLE_PERMILLE;
    (entered.stage == Stage::CleanUp && !is_shifted).then(|| {
        format!(
            "CLEAN_UP with {} permille shifted",
            entered.production_permille
        )
    })
}

/// Production traffic goes over step by step, each watched for as long as was asked.
fn wrong_with_traffic(
    before: &ServiceDeploymentRecord,
    after: &ServiceDeploymentRecord,
) -> Option<String> {
    let (left, entered) = (before.stages.as_ref()?, after.stages.as_ref()?);
    let (from, to) = (left.production_permille, entered.production_permille);
    if to < from {
        return Some(format!("traffic went from {from} back to {to} permille"));
    }
    if to == from || from == 0 {
        return None;
    }
    let minutes = [before, after].map(|record| {
        let linear = record.configuration.linear_configuration.as_ref();
        let canary = record.configuration.canary_configuration.as_ref();
        let of_linear = linear.and_then(|known| known.step_bake_time_in_minutes);
        let of_canary = canary.and_then(|known| known.canary_bake_time_in_minutes);
        of_linear.or(of_canary).unwrap_or_default()
    });
    let least = minutes.into_iter().min().unwrap_or_default();
    let bake = Duration::from_secs(60 * u64::try_from(least).unwrap_or(0));
    let watched = entered.shifted_at?.since(left.shifted_at?);
    (watched < bake).then(|| format!("from {from} to {to} permille after {watched:?} of {bake:?}"))
}

fn wrong_with_rollback(
    after: &ServiceDeploymentRecord,
    rows: &Rollouts,
    service: &ServiceRecord,
) -> Option<String> {
    let to = after.rollback.as_ref()?.revision.as_deref();
    let completed = completed_last(rows, service);
    if to != completed {
        return Some(format!(
            "rolled back to {to:?}, and {completed:?} was completed last"
        ));
    }
    let mut deployments = service.deployments.iter();
    let primary = deployments.find(|deployment| deployment.role == DeploymentRole::Primary);
    let now = primary.and_then(|primary| primary.revision.as_deref());
    (now != to).then(|| format!("rolled back to {to:?}, and the PRIMARY is {now:?}"))
}

/// The revision of the last service deployment that came to a good end.
fn completed_last<'a>(rows: &'a Rollouts, service: &ServiceRecord) -> Option<&'a str> {
    let prefix = format!("{}/", state::Record::key(service));
    let own = rows.range(prefix.clone()..);
    own.take_while(|(key, _)| key.starts_with(&prefix))
        .map(|(_, row)| row)
        .filter(|row| row.created_at >= service.created_at)
        .filter_map(|row| {
            let revision = match row.status {
                RolloutStatus::Successful => Some(&row.target.revision),
                RolloutStatus::RollbackSuccessful => row.rollback.as_ref()?.revision.as_ref(),
                _ => None,
            };
            Some((row.finished_at, revision?.as_str()))
        })
        .max_by_key(|(at, _)| *at)
        .map(|(_, revision)| revision)
}

/// Of a deployment that failed or was stopped nothing more is started.
pub fn has_failed(service: &ServiceRecord, deployment_id: Option<&str>) -> bool {
    let mut deployments = service.deployments.iter();
    let own = deployments.find(|deployment| Some(deployment.id.as_str()) == deployment_id);
    own.is_some_and(|deployment| deployment.rollout_state == RolloutState::Failed)
}
