//! Daemons, their deployments, revisions and task definitions as their operations show them.

use std::collections::BTreeMap;

use api_ecs::types;
use ecs_rules::{daemon::shown_definition, deployment::rollout::breaker_threshold};
use names::Scope;
use state::Head;

use super::timestamp;
use crate::{
    daemons::{Coverage, coverage},
    deployments,
    records::{
        MonitorStatus, RevisionShare, RolloutStatus, ServiceDeploymentRecord, ServiceRecord,
        ServiceRevisionRecord, ServiceStatus, TaskDefinitionRecord, task_definition_arn,
    },
};

pub(crate) fn created(head: &Head, daemon: &ServiceRecord) -> types::CreateDaemonResponse {
    types::CreateDaemonResponse {
        daemon_arn: Some(daemon.arn()),
        status: Some(daemon_status(daemon)),
        created_at: Some(timestamp(daemon.created_at)),
        deployment_arn: deployment_arn(head, daemon),
    }
}

pub(crate) fn updated(head: &Head, daemon: &ServiceRecord) -> types::UpdateDaemonResponse {
    types::UpdateDaemonResponse {
        daemon_arn: Some(daemon.arn()),
        status: Some(daemon_status(daemon)),
        created_at: Some(timestamp(daemon.created_at)),
        updated_at: Some(timestamp(daemon.updated_at)),
        deployment_arn: deployment_arn(head, daemon),
    }
}

pub(crate) fn deleted(head: &Head, daemon: &ServiceRecord) -> types::DeleteDaemonResponse {
    types::DeleteDaemonResponse {
        daemon_arn: Some(daemon.arn()),
        status: Some(daemon_status(daemon)),
        created_at: Some(timestamp(daemon.created_at)),
        updated_at: Some(timestamp(daemon.updated_at)),
        deployment_arn: deployment_arn(head, daemon),
    }
}

pub(crate) fn summary(daemon: &ServiceRecord) -> types::DaemonSummary {
    types::DaemonSummary {
        daemon_arn: Some(daemon.arn()),
        status: Some(daemon_status(daemon)),
        created_at: Some(timestamp(daemon.created_at)),
        updated_at: Some(timestamp(daemon.updated_at)),
    }
}

/// With every revision that has tasks; the newest first.
pub(crate) fn detail(head: &Head, daemon: &ServiceRecord) -> types::DaemonDetail {
    let scope = Scope::new(&daemon.account, &daemon.region);
    let revisions = daemon.deployments.iter().filter_map(|deployment| {
        let revision = deployment.revision.as_ref()?;
        let name = daemon.daemon_name()?;
        let coverage = coverage(head, daemon, deployment);
        let total = |count: fn(&Coverage) -> i32| Some(coverage.values().map(count).sum());
        Some(types::DaemonRevisionDetail {
            arn: Some(scope.daemon_revision(&daemon.cluster, name, revision)),
            total_running_count: total(|counts| counts.running),
            total_without_daemon_count: total(|counts| counts.without),
            capacity_providers: Some(
                coverage
                    .iter()
                    .map(|(provider, counts)| types::DaemonCapacityProvider {
                        arn: Some(scope.capacity_provider(provider)),
                        running_count: Some(counts.running),
                        without_daemon_count: Some(counts.without),
                    })
                    .collect(),
            ),
        })
    });
    types::DaemonDetail {
        daemon_arn: Some(daemon.arn()),
        cluster_arn: Some(scope.cluster(&daemon.cluster)),
        status: Some(daemon_status(daemon)),
        current_revisions: Some(revisions.collect()),
        deployment_arn: deployment_arn(head, daemon),
        created_at: Some(timestamp(daemon.created_at)),
        updated_at: Some(timestamp(daemon.updated_at)),
    }
}

pub(crate) fn deployment(head: &Head, record: &ServiceDeploymentRecord) -> types::DaemonDeployment {
    let daemon = head.get::<ServiceRecord>(&record.service_key());
    let daemon = daemon.as_deref();
    let share = |share: &RevisionShare| revision_detail(head, daemon, record, share);
    let configuration = record.daemon_configuration.as_ref();
    types::DaemonDeployment {
        daemon_deployment_arn: Some(record.arn()),
        cluster_arn: Some(cluster_arn(record)),
        status: Some(status(record.status).into()),
        status_reason: status_reason(record),
        target_daemon_revision: Some(share(&record.target)),
        source_daemon_revisions: Some(record.sources.iter().map(share).collect()),
        circuit_breaker: Some(breaker(record, daemon)),
        alarms: Some(types::DaemonDeploymentAlarms {
            status: Some(record.alarms.status.as_str().into()),
            alarm_names: Some(record.alarms.names.clone()),
            triggered_alarm_names: Some(record.alarms.triggered.clone()),
        }),
        rollback: record.rollback.as_ref().map(|rollback| {
            let spec = daemon.and_then(|daemon| daemon.task_spec.daemon.as_ref());
            let scope = Scope::new(&record.account, &record.region);
            let providers = spec.iter().flat_map(|spec| &spec.capacity_providers);
            types::DaemonRollback {
                reason: Some(in_words_of_daemons(&rollback.reason)),
                started_at: Some(timestamp(rollback.started_at)),
                rollback_target_daemon_revision_arn: rollback
                    .revision
                    .as_ref()
                    .map(|revision| record.revision_arn(revision)),
                rollback_capacity_providers: Some(
                    providers
                        .map(|provider| scope.capacity_provider(provider))
                        .collect(),
                ),
            }
        }),
        deployment_configuration: configuration.map(|stored| stored.0.clone()),
        created_at: Some(timestamp(record.created_at)),
        started_at: record.started_at.map(timestamp),
        stopped_at: record.stopped_at.map(timestamp),
        finished_at: record.finished_at.map(timestamp),
    }
}

pub(crate) fn deployment_summary(
    record: &ServiceDeploymentRecord,
) -> types::DaemonDeploymentSummary {
    let scope = Scope::new(&record.account, &record.region);
    let name = record.service.strip_prefix(crate::records::DAEMON_PREFIX);
    types::DaemonDeploymentSummary {
        daemon_deployment_arn: Some(record.arn()),
        daemon_arn: name.map(|name| scope.daemon(&record.cluster, name)),
        cluster_arn: Some(cluster_arn(record)),
        status: Some(status(record.status).into()),
        status_reason: status_reason(record),
        target_daemon_revision_arn: Some(record.revision_arn(&record.target.revision)),
        created_at: Some(timestamp(record.created_at)),
        started_at: record.started_at.map(timestamp),
        stopped_at: record.stopped_at.map(timestamp),
        finished_at: record.finished_at.map(timestamp),
    }
}

pub(crate) fn revision(record: &ServiceRevisionRecord) -> types::DaemonRevision {
    let scope = Scope::new(&record.account, &record.region);
    let name = record.service.strip_prefix(crate::records::DAEMON_PREFIX);
    let own = record.task_spec.daemon.clone().unwrap_or_default();
    let images = record.images.iter();
    types::DaemonRevision {
        daemon_revision_arn: Some(record.arn()),
        cluster_arn: Some(scope.cluster(&record.cluster)),
        daemon_arn: name.map(|name| scope.daemon(&record.cluster, name)),
        daemon_task_definition_arn: Some(task_definition_arn(
            &scope,
            &record.task_spec.family,
            record.task_spec.revision,
        )),
        created_at: Some(timestamp(record.created_at)),
        container_images: Some(
            images
                .map(|image| types::DaemonContainerImage {
                    container_name: Some(image.container.clone()),
                    image: Some(image.image.clone()),
                    image_digest: image.digest.clone(),
                })
                .collect(),
        ),
        propagate_tags: Some(match own.propagate_tags {
            true => types::DaemonPropagateTags::DAEMON,
            false => types::DaemonPropagateTags::NONE,
        }),
        enable_ecs_managed_tags: Some(own.enable_ecs_managed_tags),
        enable_execute_command: Some(own.enable_execute_command),
        critical: Some(own.critical),
    }
}

pub(crate) fn task_definition(record: &TaskDefinitionRecord) -> types::DaemonTaskDefinition {
    types::DaemonTaskDefinition {
        daemon_task_definition_arn: Some(record.arn()),
        revision: Some(record.revision),
        status: Some(record.status.as_str().into()),
        registered_at: Some(timestamp(record.registered_at)),
        registered_by: Some(record.registered_by.clone()),
        delete_requested_at: record.deregistered_at.map(timestamp),
        ..shown_definition(&record.definition)
    }
}

pub(crate) fn task_definition_summary(
    record: &TaskDefinitionRecord,
) -> types::DaemonTaskDefinitionSummary {
    types::DaemonTaskDefinitionSummary {
        arn: Some(record.arn()),
        status: Some(record.status.as_str().into()),
        registered_at: Some(timestamp(record.registered_at)),
        registered_by: Some(record.registered_by.clone()),
        delete_requested_at: record.deregistered_at.map(timestamp),
    }
}

/// A daemon's deployment cannot be asked to roll back: the status that a service's has meanwhile is none of its.
pub(crate) fn status(status: RolloutStatus) -> &'static str {
    match status {
        RolloutStatus::RollbackRequested => RolloutStatus::RollbackInProgress.as_str(),
        other => other.as_str(),
    }
}

fn daemon_status(daemon: &ServiceRecord) -> types::DaemonStatus {
    match daemon.status {
        ServiceStatus::Active => types::DaemonStatus::ACTIVE,
        ServiceStatus::Draining | ServiceStatus::Inactive => {
            types::DaemonStatus::DELETE_IN_PROGRESS
        }
    }
}

fn deployment_arn(head: &Head, daemon: &ServiceRecord) -> Option<String> {
    deployments::current(head, daemon).map(|record| record.arn())
}

fn cluster_arn(record: &ServiceDeploymentRecord) -> String {
    Scope::new(&record.account, &record.region).cluster(&record.cluster)
}

/// Under way, by what runs now; when it is over, as it was then.
fn revision_detail(
    head: &Head,
    daemon: Option<&ServiceRecord>,
    record: &ServiceDeploymentRecord,
    share: &RevisionShare,
) -> types::DaemonDeploymentRevisionDetail {
    let scope = Scope::new(&record.account, &record.region);
    let deployment = daemon.and_then(|daemon| daemon.deployment(&share.deployment_id));
    let live: BTreeMap<String, Coverage> = match (daemon, deployment) {
        (Some(daemon), Some(deployment)) if share.counts.is_none() => {
            coverage(head, daemon, deployment)
        }
        _ => BTreeMap::new(),
    };
    let total = |count: fn(&Coverage) -> i32| Some(live.values().map(count).sum());
    let providers = live.iter().map(
        |(provider, counts)| types::DaemonDeploymentCapacityProvider {
            arn: Some(scope.capacity_provider(provider)),
            running_instance_count: Some(counts.running),
            without_daemon_instance_count: Some(counts.without),
            draining_instance_count: Some(counts.draining),
        },
    );
    types::DaemonDeploymentRevisionDetail {
        arn: Some(record.revision_arn(&share.revision)),
        capacity_providers: Some(providers.collect()),
        total_running_instance_count: match &share.counts {
            Some(counts) => Some(counts.running),
            None => total(|counts| counts.running),
        },
        total_without_daemon_instance_count: total(|counts| counts.without),
        total_draining_instance_count: total(|counts| counts.draining),
    }
}

/// Under way, the counter is the deployment's own, and the threshold follows the number of nodes.
fn breaker(
    record: &ServiceDeploymentRecord,
    daemon: Option<&ServiceRecord>,
) -> types::DaemonCircuitBreaker {
    let live = daemon.filter(|_| record.breaker.status == MonitorStatus::Monitoring);
    let target = live.and_then(|daemon| daemon.deployment(&record.target.deployment_id));
    let threshold = live.and_then(|daemon| {
        let configuration = &daemon.deployment_configuration;
        let breaker = configuration.deployment_circuit_breaker.as_ref()?;
        Some(breaker_threshold(breaker, daemon.desired_count))
    });
    types::DaemonCircuitBreaker {
        status: Some(record.breaker.status.as_str().into()),
        failure_count: Some(
            target.map_or(record.breaker.failures, |target| target.breaker_failures),
        ),
        threshold: Some(threshold.unwrap_or(record.breaker.threshold)),
    }
}

fn status_reason(record: &ServiceDeploymentRecord) -> Option<String> {
    record.status_reason.as_deref().map(in_words_of_daemons)
}

/// The scheduler of services gives the reasons.
fn in_words_of_daemons(reason: &str) -> String {
    reason
        .replace("Service deployment", "Daemon deployment")
        .replace("service deployment", "daemon deployment")
}
