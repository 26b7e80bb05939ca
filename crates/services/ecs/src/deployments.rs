//! Service deployments and service revisions in the tables: how one begins, how it ends, and which are kept.

use std::{sync::Arc, time::Duration};

use api_ecs::types::DeploymentStrategy;
use clock::{Clock, UnixMillis};
use ecs_rules::deployment::rollout::breaker_threshold;
use limits::{SERVICE_DEPLOYMENT_DAYS, SERVICE_DEPLOYMENTS_KEPT};
use state::{Head, Record, Tx};
use wire::Error;

use crate::hook_calls;
use crate::records::{
    AlarmMonitor, BreakerState, DeploymentRecord, DeploymentRole, DesiredStatus, MonitorStatus,
    RevisionImage, RevisionShare, RolloutState, RolloutStatus, ServiceDeploymentRecord,
    ServiceRecord, ServiceRevisionRecord, ShareCounts, Stage, StageState, TaskDefinitionRecord,
    TaskRecord, TaskSpec, TaskStatus,
};

const KEPT: Duration = Duration::from_secs(SERVICE_DEPLOYMENT_DAYS * 24 * 3600);
/// Old ones that make room in one transaction.
const DROPPED_AT_ONCE: usize = 8;
const SUPERSEDED: &str = "Service deployment stopped because a new service deployment was started.";

/// Makes a deployment of what the service's tasks shall be now: its revision, its service deployment, and the PRIMARY
/// among the service's deployments. One that was under way ends.
pub(crate) fn begin(
    clock: &Clock,
    tx: &mut Tx<'_>,
    service: &mut ServiceRecord,
) -> Result<(), Error> {
    let now = clock.now();
    if let Some(known) = current(tx, service) {
        let mut known = ServiceDeploymentRecord::clone(&known);
        if end(
            tx,
            service,
            &mut known,
            RolloutStatus::Stopped,
            SUPERSEDED,
            now,
        ) {
            tx.put(known);
        }
    }
    let sources = shares(&service.deployments);
    for deployment in &mut service.deployments {
        if deployment.role == DeploymentRole::Primary {
            deployment.role = DeploymentRole::Active;
            deployment.updated_at = now;
        }
    }
    let id = names::deployment_id(clock);
    let revision = names::service_revision_id(clock);
    let deployment = new_deployment(service, id.clone(), revision.clone(), now)?;
    write_revision(tx, service, &deployment);
    service.deployments.insert(0, deployment);
    let record = ServiceDeploymentRecord {
        status: RolloutStatus::Pending,
        ..new_record(clock, service, sources, RevisionShare::new(revision, id))
    };
    service.service_deployment = Some(record.id.clone());
    drop_old(tx, service, now);
    tx.put(record);
    Ok(())
}

/// Makes the deployment of a daemon that is being deleted: its tasks leave, and then it is SUCCESSFUL.
pub(crate) fn tear_down(clock: &Clock, tx: &mut Tx<'_>, service: &mut ServiceRecord) {
    let Some(target) = service.primary().and_then(share) else {
        return;
    };
    let now = clock.now();
    let record = ServiceDeploymentRecord {
        status: RolloutStatus::InProgress,
        started_at: Some(now),
        ..new_record(clock, service, shares(&service.deployments), target)
    };
    service.service_deployment = Some(record.id.clone());
    tx.put(record);
}

/// The last task of a daemon that is deleted is gone.
pub(crate) fn end_tear_down(tx: &mut Tx<'_>, service: &ServiceRecord, now: UnixMillis) {
    let known = current(tx, service).filter(|_| service.daemon_name().is_some());
    if let Some(known) = known {
        let mut record = ServiceDeploymentRecord::clone(&known);
        if end(tx, service, &mut record, RolloutStatus::Successful, "", now) {
            tx.put(record);
        }
    }
}

/// Gives a service of an older binary the records that it has not: the revision of each of its deployments, and the
/// service deployment of the PRIMARY. Nothing to do for any other.
pub(crate) fn adopt(clock: &Clock, tx: &mut Tx<'_>, service: &mut ServiceRecord) {
    for position in 0..service.deployments.len() {
        if service.deployments[position].revision.is_none() {
            let revision = names::service_revision_id(clock);
            service.deployments[position].revision = Some(revision);
            let deployment = service.deployments[position].clone();
            write_revision(tx, service, &deployment);
        }
    }
    if service.service_deployment.is_none()
        && let Some(primary) = service.primary().cloned()
    {
        let target = share(&primary).expect("every deployment has a revision now");
        let mut sources = shares(&service.deployments);
        sources.retain(|source| source.deployment_id != primary.id);
        let is_done = primary.rollout_state == RolloutState::Completed;
        let record = ServiceDeploymentRecord {
            status: if is_done {
                RolloutStatus::Successful
            } else {
                RolloutStatus::InProgress
            },
            created_at: primary.created_at,
            started_at: Some(primary.created_at),
            finished_at: is_done.then_some(primary.updated_at),
            stages: None,
            ..new_record(clock, service, sources, target)
        };
        service.service_deployment = Some(record.id.clone());
        tx.put(record);
    }
    if service.rollback_candidate.is_none() {
        let mut deployments = service.deployments.iter();
        let completed =
            deployments.find(|deployment| deployment.rollout_state == RolloutState::Completed);
        service.rollback_candidate = completed.and_then(|completed| completed.as_candidate());
    }
}

/// Whether [`adopt`] has something to do.
pub(crate) fn needs_adoption(service: &ServiceRecord) -> bool {
    let mut deployments = service.deployments.iter();
    deployments.any(|deployment| deployment.revision.is_none())
        || service.service_deployment.is_none() && !service.deployments.is_empty()
}

/// The service deployment that is under way, or was the last.
pub(crate) fn current(
    head: &Head,
    service: &ServiceRecord,
) -> Option<Arc<ServiceDeploymentRecord>> {
    head.get(&service.service_deployment_key()?)
}

/// Ends a service deployment; false if it was over. It is the caller's to put.
pub(crate) fn end(
    tx: &mut Tx<'_>,
    service: &ServiceRecord,
    record: &mut ServiceDeploymentRecord,
    status: RolloutStatus,
    reason: &str,
    now: UnixMillis,
) -> bool {
    if record.status.is_over() {
        return false;
    }
    let tasks = tx.index::<TaskRecord>("by_service", &service.key());
    let of = |share: &RevisionShare| counts(service, share, tasks.iter().map(|task| &**task));
    record.target.counts = Some(of(&record.target));
    for source in &mut record.sources {
        source.counts = Some(of(source));
    }
    if let Some(target) = service.deployment(&record.target.deployment_id) {
        record.breaker.failures = target.breaker_failures;
    }
    record.breaker.status = record.breaker.status.over();
    record.alarms.status = record.alarms.status.over();
    record.status = status;
    if !reason.is_empty() {
        record.status_reason = Some(reason.to_owned());
    }
    record.waits_for.clear();
    record.finished_at = Some(now);
    record.stopped_at = (status == RolloutStatus::Stopped).then_some(now);
    hook_calls::close(tx, record);
    record.updated_at = now;
    true
}

/// Tasks of a revision now.
pub(crate) fn counts<'a>(
    service: &ServiceRecord,
    share: &RevisionShare,
    tasks: impl Iterator<Item = &'a TaskRecord>,
) -> ShareCounts {
    let (mut counts, mut wanted) = (ShareCounts::default(), 0);
    for task in tasks.filter(|task| task.deployment_id.as_ref() == Some(&share.deployment_id)) {
        match task.last_status {
            TaskStatus::Running => counts.running += 1,
            status if status < TaskStatus::Running => counts.pending += 1,
            _ => {}
        }
        wanted += i32::from(task.desired_status == DesiredStatus::Running);
    }
    let is_primary = service
        .primary()
        .is_some_and(|primary| primary.id == share.deployment_id);
    counts.requested = if is_primary {
        service.desired_count
    } else {
        wanted.min(service.desired_count)
    };
    counts
}

/// Deletes what is left of a service that is gone, some rows at a time; true when nothing is left.
pub(crate) fn forget(tx: &mut Tx<'_>, service_key: &str, rows: usize) -> bool {
    let prefix = format!("{service_key}/");
    let deployments: Vec<String> = tx
        .scan::<ServiceDeploymentRecord>(&prefix)
        .map(|record| record.key())
        .take(rows)
        .collect();
    let revisions: Vec<String> = tx
        .scan::<ServiceRevisionRecord>(&prefix)
        .map(|record| record.key())
        .take(rows - deployments.len())
        .collect();
    let all = deployments.len() + revisions.len() < rows;
    for key in deployments {
        tx.delete::<ServiceDeploymentRecord>(&key);
    }
    for key in revisions {
        tx.delete::<ServiceRevisionRecord>(&key);
    }
    all
}

/// A deployment that begins now. Its tasks stay on the platform that LATEST means now.
fn new_deployment(
    service: &ServiceRecord,
    id: String,
    revision: String,
    now: UnixMillis,
) -> Result<DeploymentRecord, Error> {
    let spec = &service.task_spec;
    let platform_version = spec
        .plan()
        .platform_version(spec.platform_version.as_deref())?;
    let task_spec = TaskSpec {
        platform_version,
        ..spec.clone()
    };
    let reason = format!("ECS deployment {id} in progress.");
    Ok(DeploymentRecord::new(
        id,
        revision,
        task_spec,
        service.desired_count,
        reason,
        now,
    ))
}

fn write_revision(tx: &mut Tx<'_>, service: &ServiceRecord, deployment: &DeploymentRecord) {
    let spec = &deployment.task_spec;
    let key = spec.definition_key(service);
    let definition = tx.get::<TaskDefinitionRecord>(&key);
    let containers = definition.iter().flat_map(|record| {
        let containers = record.definition.container_definitions.iter().flatten();
        containers.map(|container| RevisionImage {
            container: container.name.clone().unwrap_or_default(),
            image: container.image.clone().unwrap_or_default(),
            digest: None,
        })
    });
    let images = containers.collect();
    tx.put(ServiceRevisionRecord {
        account: service.account.clone(),
        region: service.region.clone(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        id: deployment.revision.clone().unwrap_or_default(),
        deployment_id: deployment.id.clone(),
        task_spec: spec.clone(),
        images,
        created_at: deployment.created_at,
    });
}

fn new_record(
    clock: &Clock,
    service: &ServiceRecord,
    sources: Vec<RevisionShare>,
    target: RevisionShare,
) -> ServiceDeploymentRecord {
    let now = clock.now();
    let configuration = &service.deployment_configuration;
    let breaker = configuration.deployment_circuit_breaker.as_ref();
    let alarms = configuration.alarms.as_ref();
    let watched = |is_on: Option<bool>| match is_on {
        Some(true) => MonitorStatus::Monitoring,
        _ => MonitorStatus::Disabled,
    };
    let shifts = configuration.strategy.as_ref().is_some_and(|strategy| {
        strategy != &DeploymentStrategy::ROLLING && !strategy.as_str().is_empty()
    });
    ServiceDeploymentRecord {
        account: service.account.clone(),
        region: service.region.clone(),
        cluster: service.cluster.clone(),
        service: service.name.clone(),
        id: names::service_deployment_id(clock),
        status: RolloutStatus::Pending,
        status_reason: None,
        configuration: configuration.clone(),
        daemon_configuration: service.daemon_configuration.clone(),
        sources,
        target,
        breaker: BreakerState {
            status: watched(breaker.and_then(|breaker| breaker.enable)),
            failures: 0,
            threshold: breaker.map_or(0, |breaker| {
                breaker_threshold(breaker, service.desired_count)
            }),
        },
        alarms: AlarmMonitor {
            status: watched(alarms.and_then(|alarms| alarms.enable)),
            names: alarms
                .and_then(|alarms| alarms.alarm_names.clone())
                .unwrap_or_default(),
            triggered: vec![],
        },
        rollback: None,
        baking_since: None,
        stages: shifts.then(|| StageState {
            stage: Stage::ReconcileService,
            entered_at: now,
            production_permille: 0,
            shifted_at: None,
            test_permille: 0,
            hooks: vec![],
        }),
        waits_for: vec![],
        created_at: now,
        started_at: None,
        finished_at: None,
        stopped_at: None,
        updated_at: now,
    }
}

fn shares(deployments: &[DeploymentRecord]) -> Vec<RevisionShare> {
    deployments.iter().filter_map(share).collect()
}

fn share(deployment: &DeploymentRecord) -> Option<RevisionShare> {
    let revision = deployment.revision.clone()?;
    Some(RevisionShare::new(revision, deployment.id.clone()))
}

/// The newest are kept, for so long; a revision goes when nothing that is kept names it.
fn drop_old(tx: &mut Tx<'_>, service: &ServiceRecord, now: UnixMillis) {
    let key = service.key();
    let mut records: Vec<Arc<ServiceDeploymentRecord>> = tx
        .scan::<ServiceDeploymentRecord>(&format!("{key}/"))
        .filter(|record| record.status.is_over())
        .cloned()
        .collect();
    records.sort_by_key(|record| std::cmp::Reverse(record.created_at));
    let is_old = |(position, record): (usize, &Arc<ServiceDeploymentRecord>)| {
        position >= SERVICE_DEPLOYMENTS_KEPT - 1 || now.since(record.created_at) > KEPT
    };
    let first_old = records.iter().enumerate().position(is_old);
    let old = records.split_off(first_old.unwrap_or(records.len()));
    for record in old.iter().rev().take(DROPPED_AT_ONCE) {
        tx.delete::<ServiceDeploymentRecord>(&record.key());
        for share in record.sources.iter().chain([&record.target]) {
            let revision = &share.revision;
            let candidate = service.rollback_candidate.as_ref();
            let is_used = service
                .deployments
                .iter()
                .any(|deployment| deployment.revision.as_ref() == Some(revision))
                || candidate.is_some_and(|candidate| candidate.revision == *revision)
                || records.iter().any(|kept| kept.names(revision));
            if !is_used {
                tx.delete::<ServiceRevisionRecord>(&ServiceRevisionRecord::key_of(&key, revision));
            }
        }
    }
}

impl ServiceDeploymentRecord {
    fn names(&self, revision: &str) -> bool {
        let rollback = self.rollback.as_ref();
        self.target.revision == revision
            || self
                .sources
                .iter()
                .any(|source| source.revision == revision)
            || rollback.is_some_and(|rollback| rollback.revision.as_deref() == Some(revision))
    }
}
