use api_ecs::{
    errors,
    operations::PutClusterCapacityProviders,
    types::{PutClusterCapacityProvidersRequest, PutClusterCapacityProvidersResponse},
};
use ecs_rules::cluster;
use state::Head;
use wire::{Access, Caller, Error, Handle};

use super::clusters;
use crate::{
    Ecs, lookup,
    records::{ClusterRecord, ServiceRecord, ServiceStatus, TaskRecord, TaskSpec, TaskStatus},
    render,
};

impl Handle<PutClusterCapacityProviders> for Ecs {
    fn access(&self, caller: &Caller, input: &PutClusterCapacityProvidersRequest) -> Access {
        clusters::on_cluster(
            "ecs:PutClusterCapacityProviders",
            caller,
            input.cluster.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutClusterCapacityProvidersRequest,
    ) -> Result<PutClusterCapacityProvidersResponse, Error> {
        let argument = clusters::required(input.cluster.as_deref())?;
        let (Some(providers), Some(strategy)) = (
            input.capacity_providers,
            input.default_capacity_provider_strategy,
        ) else {
            return Err(errors::invalid_parameter_exception(
                "CapacityProviders and DefaultCapacityProviderStrategy should not be null.",
            ));
        };
        let providers = clusters::provider_names(providers);
        let cluster = self
            .transact(|tx| {
                let known = lookup::cluster(tx, caller, Some(argument))?;
                let exists = |name: &str| clusters::provider_exists(tx, caller, name);
                let providers = cluster::capacity_providers(providers, exists)?;
                let strategy = clusters::strategy(tx, caller, strategy, &providers)?;
                let removed = known.capacity_providers.iter().find(|provider| {
                    !providers.contains(provider) && is_in_use(tx, &known, provider)
                });
                if removed.is_some() {
                    return Err(errors::resource_in_use_exception(
                        "The specified capacity provider is in use and cannot be removed.",
                    )
                    .into());
                }
                let mut record = ClusterRecord::clone(&known);
                record.capacity_providers = providers;
                record.default_capacity_provider_strategy = strategy;
                let rendered =
                    render::cluster::render_whole(&record, &clusters::counts(tx, &record));
                tx.put(record);
                Ok(rendered)
            })
            .await?;
        Ok(PutClusterCapacityProvidersResponse {
            cluster: Some(cluster),
        })
    }
}

/// A live task runs on it, or a service asks for it.
fn is_in_use(head: &Head, cluster: &ClusterRecord, provider: &str) -> bool {
    let prefix = TaskRecord::key_of(&cluster.account, &cluster.region, &cluster.name, "");
    let by_task = head.scan::<TaskRecord>(&prefix).any(|task| {
        task.last_status != TaskStatus::Stopped
            && task.capacity_provider.as_deref() == Some(provider)
    });
    let by_service = |service: &ServiceRecord| {
        let of_sets = service
            .task_sets
            .iter()
            .map(|set| &set.deployment.task_spec);
        let names = |spec: &TaskSpec| {
            let mut strategy = spec.capacity_provider_strategy.iter();
            let daemon = spec.daemon.as_ref();
            strategy.any(|item| item.capacity_provider == provider)
                || daemon
                    .is_some_and(|own| own.capacity_providers.iter().any(|own| own == provider))
        };
        service.status != ServiceStatus::Inactive
            && [&service.task_spec].into_iter().chain(of_sets).any(names)
    };
    by_task
        || head
            .scan::<ServiceRecord>(&prefix)
            .any(|service| by_service(service))
}
