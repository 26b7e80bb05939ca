//! Service deployments and service revisions as their operations show them.

use api_ecs::types;
use ecs_rules::deployment::{rollout::breaker_threshold, stages::WHOLE_PERMILLE};
use state::Head;

use super::{service, timestamp};
use crate::{
    deployments,
    records::{
        HookRecord, MonitorStatus, RevisionShare, ServiceDeploymentRecord, ServiceRecord,
        ServiceRevisionRecord, Stage, StageState, TaskRecord,
    },
};

pub(crate) fn service_deployment(
    head: &Head,
    record: &ServiceDeploymentRecord,
) -> types::ServiceDeployment {
    let service = head.get::<ServiceRecord>(&record.service_key());
    let tasks = head.index::<TaskRecord>("by_service", &record.service_key());
    let summary = |share: &RevisionShare, is_target: bool| {
        let live = || {
            let service = service.as_ref()?;
            let tasks = tasks.iter().map(|task| &**task);
            Some(deployments::counts(service, share, tasks))
        };
        let counts = share.counts.or_else(live).unwrap_or_default();
        let weight = |permille: i32| {
            let own = if is_target {
                permille
            } else {
                WHOLE_PERMILLE - permille
            };
            f64::from(own) / 10.0
        };
        let stages = record.stages.as_ref();
        types::ServiceRevisionSummary {
            arn: Some(record.revision_arn(&share.revision)),
            requested_task_count: Some(counts.requested),
            running_task_count: Some(counts.running),
            pending_task_count: Some(counts.pending),
            requested_production_traffic_weight: stages
                .map(|stages| weight(stages.production_permille)),
            requested_test_traffic_weight: stages.map(|stages| weight(stages.test_permille)),
        }
    };
    let sources = record.sources.iter();
    types::ServiceDeployment {
        alarms: Some(types::ServiceDeploymentAlarms {
            alarm_names: Some(record.alarms.names.clone()),
            status: Some(record.alarms.status.as_str().into()),
            triggered_alarm_names: Some(record.alarms.triggered.clone()),
        }),
        cluster_arn: Some(cluster_arn(record)),
        created_at: Some(timestamp(record.created_at)),
        deployment_circuit_breaker: Some(breaker(record, service.as_deref())),
        deployment_configuration: Some(record.configuration.0.clone()),
        finished_at: record.finished_at.map(timestamp),
        lifecycle_hook_details: record.stages.as_ref().map(hooks),
        lifecycle_stage: record
            .stages
            .as_ref()
            .map(|stages| shown_stage(stages.stage).into()),
        rollback: record.rollback.as_ref().map(|rollback| types::Rollback {
            reason: Some(rollback.reason.clone()),
            service_revision_arn: rollback
                .revision
                .as_ref()
                .map(|revision| record.revision_arn(revision)),
            started_at: Some(timestamp(rollback.started_at)),
        }),
        service_arn: Some(service_arn(record)),
        service_deployment_arn: Some(record.arn()),
        source_service_revisions: Some(sources.map(|share| summary(share, false)).collect()),
        started_at: record.started_at.map(timestamp),
        status: Some(record.status.as_str().into()),
        status_reason: record.status_reason.clone(),
        stopped_at: record.stopped_at.map(timestamp),
        target_service_revision: Some(summary(&record.target, true)),
        updated_at: Some(timestamp(record.updated_at)),
    }
}

pub(crate) fn brief(record: &ServiceDeploymentRecord) -> types::ServiceDeploymentBrief {
    types::ServiceDeploymentBrief {
        cluster_arn: Some(cluster_arn(record)),
        created_at: Some(timestamp(record.created_at)),
        finished_at: record.finished_at.map(timestamp),
        service_arn: Some(service_arn(record)),
        service_deployment_arn: Some(record.arn()),
        started_at: record.started_at.map(timestamp),
        status: Some(record.status.as_str().into()),
        status_reason: record.status_reason.clone(),
        target_service_revision_arn: Some(record.revision_arn(&record.target.revision)),
    }
}

pub(crate) fn service_revision(record: &ServiceRevisionRecord) -> types::ServiceRevision {
    let scope = names::Scope::new(&record.account, &record.region);
    let spec = &record.task_spec;
    let images = record.images.iter();
    types::ServiceRevision {
        capacity_provider_strategy: service::strategy(spec),
        cluster_arn: Some(scope.cluster(&record.cluster)),
        container_images: Some(
            images
                .map(|image| types::ContainerImage {
                    container_name: Some(image.container.clone()),
                    image: Some(image.image.clone()),
                    image_digest: image.digest.clone(),
                })
                .collect(),
        ),
        created_at: Some(timestamp(record.created_at)),
        guard_duty_enabled: Some(false),
        launch_type: spec.launch_type.as_deref().map(Into::into),
        load_balancers: Some(vec![]),
        network_configuration: service::network(spec),
        platform_family: service::platform_family(spec),
        platform_version: spec.platform_version.clone(),
        service_arn: Some(scope.service(&record.cluster, &record.service)),
        service_registries: Some(vec![]),
        service_revision_arn: Some(record.arn()),
        task_definition: Some(scope.task_definition(&spec.family, spec.revision)),
        volume_configurations: Some(vec![]),
        ..types::ServiceRevision::default()
    }
}

/// Under way, the counter is the deployment's own, and the threshold follows the desired count.
fn breaker(
    record: &ServiceDeploymentRecord,
    service: Option<&ServiceRecord>,
) -> types::ServiceDeploymentCircuitBreaker {
    let live = service.filter(|_| record.breaker.status == MonitorStatus::Monitoring);
    let target = live.and_then(|service| service.deployment(&record.target.deployment_id));
    let configured = live.and_then(|service| {
        let configuration = &service.deployment_configuration;
        let breaker = configuration.deployment_circuit_breaker.as_ref()?;
        Some(breaker_threshold(breaker, service.desired_count))
    });
    types::ServiceDeploymentCircuitBreaker {
        failure_count: Some(
            target.map_or(record.breaker.failures, |target| target.breaker_failures),
        ),
        status: Some(record.breaker.status.as_str().into()),
        threshold: Some(configured.unwrap_or(record.breaker.threshold)),
    }
}

fn hooks(stages: &StageState) -> Vec<types::DeploymentLifecycleHookDetail> {
    let detail = |hook: &HookRecord| types::DeploymentLifecycleHookDetail {
        expires_at: Some(timestamp(hook.expires_at)),
        hook_id: Some(hook.id.clone()),
        status: Some(hook.status.as_str().into()),
        target_arn: hook.function_arn.clone(),
        target_type: Some(match hook.function_arn {
            Some(_) => types::DeploymentLifecycleHookTargetType::AWS_LAMBDA,
            None => types::DeploymentLifecycleHookTargetType::PAUSE,
        }),
        timeout_action: Some(hook.timeout_action.as_str().into()),
    };
    stages.hooks.iter().map(detail).collect()
}

/// The API has no name for the stage that is for hooks only.
fn shown_stage(stage: Stage) -> &'static str {
    match stage {
        Stage::PreProductionTrafficShift => Stage::PostTestTrafficShift.as_str(),
        stage => stage.as_str(),
    }
}

fn cluster_arn(record: &ServiceDeploymentRecord) -> String {
    names::Scope::new(&record.account, &record.region).cluster(&record.cluster)
}

fn service_arn(record: &ServiceDeploymentRecord) -> String {
    names::Scope::new(&record.account, &record.region).service(&record.cluster, &record.service)
}
