//! Services as DescribeServices shows them.

use std::sync::Arc;

use api_ecs::types::{self, CapacityProviderStrategyItem};
use state::{Head, Record};

use super::{tags, timestamp};
use crate::{
    deployments,
    records::{
        DeploymentRecord, DeploymentRole, RevisionShare, ServiceEventRecord, ServiceRecord,
        StrategyItem, TaskRecord, TaskSpec, TaskStatus,
    },
    service_events,
};

/// The service with its deployments, counts and events; `with_tags` as `include: [TAGS]` asks.
pub(crate) fn service(head: &Head, record: &ServiceRecord, with_tags: bool) -> types::Service {
    let tasks = head.index::<TaskRecord>("by_service", &record.key());
    let counts = Counts::of(tasks.iter().map(|task| &**task));
    let spec = &record.task_spec;
    let deployments = record.deployments.iter().map(|deployment| {
        let own = tasks.iter().map(|task| &**task);
        let counts =
            Counts::of(own.filter(|task| task.deployment_id.as_ref() == Some(&deployment.id)));
        self::deployment(record, deployment, &counts)
    });
    types::Service {
        availability_zone_rebalancing: Some(record.availability_zone_rebalancing.as_str().into()),
        capacity_provider_strategy: strategy(spec),
        cluster_arn: Some(
            names::Scope::new(&record.account, &record.region).cluster(&record.cluster),
        ),
        created_at: Some(timestamp(record.created_at)),
        created_by: Some(record.created_by.clone()),
        current_service_deployment: deployments::current(head, record)
            .map(|deployment| deployment.arn()),
        current_service_revisions: Some(current_revisions(record, &tasks)),
        deployment_configuration: Some(record.deployment_configuration.0.clone()),
        deployment_controller: Some(types::DeploymentController {
            r#type: Some(record.deployment_controller.as_str().into()),
        }),
        deployments: Some(deployments.collect()),
        desired_count: Some(record.desired_count),
        enable_ecs_managed_tags: Some(record.enable_ecs_managed_tags),
        enable_execute_command: Some(record.enable_execute_command),
        events: Some(
            service_events::newest_first(head, record)
                .iter()
                .map(|event| self::event(event))
                .collect(),
        ),
        health_check_grace_period_seconds: record.health_check_grace_period_seconds,
        launch_type: spec.launch_type.as_deref().map(Into::into),
        load_balancers: Some(vec![]),
        network_configuration: network(spec),
        pending_count: Some(counts.pending),
        placement_constraints: Some(
            spec.placement_constraints
                .iter()
                .map(|stored| stored.0.clone())
                .collect(),
        ),
        placement_strategy: Some(
            spec.placement_strategy
                .iter()
                .map(|stored| stored.0.clone())
                .collect(),
        ),
        platform_family: platform_family(spec),
        platform_version: spec.platform_version.clone(),
        propagate_tags: Some(record.propagate_tags.as_str().into()),
        resource_management_type: Some(types::ResourceManagementType::CUSTOMER),
        role_arn: record.role_arn.clone(),
        running_count: Some(counts.running),
        scheduling_strategy: Some(record.scheduling_strategy.as_str().into()),
        service_arn: Some(record.arn()),
        service_name: Some(record.name.clone()),
        service_registries: Some(vec![]),
        status: Some(record.status.as_str().into()),
        tags: with_tags.then(|| tags::render(&record.tags)),
        task_definition: (!spec.is_nothing()).then(|| task_definition(record, spec)),
        task_sets: record.is_external().then(|| {
            let sets = record.task_sets.iter();
            sets.map(|set| super::task_set::of_tasks(record, set, &tasks, with_tags))
                .collect()
        }),
    }
}

/// Tasks as AWS counts them: pending is what is on its way to RUNNING.
#[derive(Default)]
pub(super) struct Counts {
    pub running: i32,
    pub pending: i32,
    /// Nobody asked them to stop.
    pub wanted: i32,
}

impl Counts {
    pub fn of<'a>(tasks: impl Iterator<Item = &'a TaskRecord>) -> Self {
        let mut counts = Self::default();
        for task in tasks {
            match task.last_status {
                TaskStatus::Running => counts.running += 1,
                status if status < TaskStatus::Running => counts.pending += 1,
                _ => {}
            }
            counts.wanted +=
                i32::from(task.desired_status == crate::records::DesiredStatus::Running);
        }
        counts
    }
}

fn deployment(
    service: &ServiceRecord,
    record: &DeploymentRecord,
    counts: &Counts,
) -> types::Deployment {
    let spec = &record.task_spec;
    types::Deployment {
        capacity_provider_strategy: strategy(spec),
        created_at: Some(timestamp(record.created_at)),
        // Of a deployment that is being replaced AWS wants fewer and fewer.
        desired_count: Some(match record.role {
            DeploymentRole::Primary => record.desired_count,
            DeploymentRole::Active => record.desired_count.min(counts.wanted),
        }),
        failed_tasks: Some(failed_tasks(service, record)),
        id: Some(record.id.clone()),
        launch_type: spec.launch_type.as_deref().map(Into::into),
        network_configuration: network(spec),
        pending_count: Some(counts.pending),
        platform_family: platform_family(spec),
        platform_version: spec.platform_version.clone(),
        rollout_state: Some(record.rollout_state.as_str().into()),
        rollout_state_reason: Some(record.rollout_state_reason.clone()),
        running_count: Some(counts.running),
        status: Some(record.role.as_str().into()),
        task_definition: Some(task_definition(service, spec)),
        updated_at: Some(timestamp(record.updated_at)),
        ..types::Deployment::default()
    }
}

/// Where the circuit breaker is on, what it counts: also tasks that failed their health checks or ended at once.
fn failed_tasks(service: &ServiceRecord, record: &DeploymentRecord) -> i32 {
    let configuration = &service.deployment_configuration;
    let breaker = configuration.deployment_circuit_breaker.as_ref();
    match breaker.and_then(|breaker| breaker.enable) {
        Some(true) => record.failed_tasks.max(record.breaker_failures),
        _ => record.failed_tasks,
    }
}

fn current_revisions(
    service: &ServiceRecord,
    tasks: &[Arc<TaskRecord>],
) -> Vec<types::ServiceCurrentRevisionSummary> {
    let deployments = service.deployments.iter();
    let summary = |deployment: &DeploymentRecord| {
        let share = RevisionShare::new(deployment.revision.clone()?, deployment.id.clone());
        let counts = deployments::counts(service, &share, tasks.iter().map(|task| &**task));
        let scope = names::Scope::new(&service.account, &service.region);
        Some(types::ServiceCurrentRevisionSummary {
            arn: Some(scope.service_revision(&service.cluster, &service.name, &share.revision)),
            requested_task_count: Some(counts.requested),
            running_task_count: Some(counts.running),
            pending_task_count: Some(counts.pending),
        })
    };
    deployments.filter_map(summary).collect()
}

fn event(record: &ServiceEventRecord) -> types::ServiceEvent {
    types::ServiceEvent {
        created_at: Some(timestamp(record.created_at)),
        id: Some(record.id.clone()),
        message: Some(record.message.clone()),
    }
}

pub(super) fn task_definition(service: &ServiceRecord, spec: &TaskSpec) -> String {
    names::Scope::new(&service.account, &service.region)
        .task_definition(&spec.family, spec.revision)
}

pub(super) fn strategy(spec: &TaskSpec) -> Option<Vec<CapacityProviderStrategyItem>> {
    let item = |item: &StrategyItem| CapacityProviderStrategyItem {
        capacity_provider: Some(item.capacity_provider.clone()),
        weight: Some(item.weight),
        base: Some(item.base),
    };
    let items = &spec.capacity_provider_strategy;
    (!items.is_empty()).then(|| items.iter().map(item).collect())
}

pub(super) fn network(spec: &TaskSpec) -> Option<types::NetworkConfiguration> {
    spec.network_configuration
        .as_ref()
        .map(|stored| stored.0.clone())
}

/// Fargate's only.
pub(super) fn platform_family(spec: &TaskSpec) -> Option<String> {
    spec.platform_version.as_ref().map(|_| "Linux".into())
}
