//! Task sets as their operations and DescribeServices show them.

use std::sync::Arc;

use api_ecs::types;
use state::{Head, Record};

use super::{
    service::{self, Counts},
    tags, timestamp,
};
use crate::records::{ServiceRecord, TaskRecord, TaskSetRecord};

/// The set with its counts; `with_tags` as `include: [TAGS]` asks.
pub(crate) fn task_set(
    head: &Head,
    service: &ServiceRecord,
    record: &TaskSetRecord,
    with_tags: bool,
) -> types::TaskSet {
    let tasks = head.index::<TaskRecord>("by_service", &service.key());
    of_tasks(service, record, &tasks, with_tags)
}

/// As [`task_set`], of the service's tasks.
pub(super) fn of_tasks(
    service: &ServiceRecord,
    record: &TaskSetRecord,
    tasks: &[Arc<TaskRecord>],
    with_tags: bool,
) -> types::TaskSet {
    let deployment = &record.deployment;
    let spec = &deployment.task_spec;
    let own = tasks.iter().map(|task| &**task);
    let counts = Counts::of(own.filter(|task| task.deployment_id.as_ref() == Some(&deployment.id)));
    let scope = names::Scope::new(&service.account, &service.region);
    types::TaskSet {
        capacity_provider_strategy: service::strategy(spec),
        cluster_arn: Some(scope.cluster(&service.cluster)),
        computed_desired_count: Some(deployment.desired_count),
        created_at: Some(timestamp(deployment.created_at)),
        external_id: record.external_id.clone(),
        id: Some(deployment.id.clone()),
        launch_type: spec.launch_type.as_deref().map(Into::into),
        load_balancers: Some(vec![]),
        network_configuration: service::network(spec),
        pending_count: Some(counts.pending),
        platform_family: service::platform_family(spec),
        platform_version: spec.platform_version.clone(),
        running_count: Some(counts.running),
        scale: Some(types::Scale {
            unit: Some(types::ScaleUnit::PERCENT),
            value: Some(record.scale_percent),
        }),
        service_arn: Some(service.arn()),
        service_registries: Some(vec![]),
        stability_status: Some(record.stability.as_str().into()),
        stability_status_at: Some(timestamp(record.stability_at)),
        status: Some(record.status.as_str().into()),
        tags: with_tags.then(|| tags::render(&record.tags)),
        task_definition: Some(service::task_definition(service, spec)),
        task_set_arn: Some(scope.task_set(&service.cluster, &service.name, &deployment.id)),
        updated_at: Some(timestamp(deployment.updated_at)),
        ..types::TaskSet::default()
    }
}
