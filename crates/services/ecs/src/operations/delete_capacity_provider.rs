use api_ecs::{
    errors,
    operations::DeleteCapacityProvider,
    types::{
        CapacityProvider, CapacityProviderStatus, CapacityProviderUpdateStatus,
        DeleteCapacityProviderRequest, DeleteCapacityProviderResponse,
    },
};
use state::{Head, Record};
use wire::{Access, Caller, Error, Handle};

use super::capacity_providers::{self, arn_of};
use crate::{
    Ecs,
    access::scope_of,
    answer::Refusal,
    records::{CapacityProviderRecord, ClusterRecord, ClusterStatus},
    render,
};

impl Handle<DeleteCapacityProvider> for Ecs {
    fn access(&self, caller: &Caller, input: &DeleteCapacityProviderRequest) -> Access {
        let name = input.capacity_provider.as_deref().unwrap_or_default();
        Access::action("ecs:DeleteCapacityProvider").resource(arn_of(&scope_of(caller), name))
    }

    /// Only one that no cluster has; so no strategy of a cluster or a service names it either.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteCapacityProviderRequest,
    ) -> Result<DeleteCapacityProviderResponse, Error> {
        capacity_providers::refuse_cluster(&input.cluster)?;
        let argument = input.capacity_provider;
        let gone = self
            .transact(|tx| {
                let known = capacity_providers::changeable(tx, caller, argument.as_deref())?;
                if let Some(cluster) = user(tx, caller, &known.name) {
                    return Err(errors::client_exception(format!(
                        "The capacity provider cannot be deleted because it is associated with cluster: {cluster}. Remove the capacity provider from the cluster and try again."
                    ))
                    .into());
                }
                tx.delete::<CapacityProviderRecord>(&known.key());
                Ok::<_, Refusal>(known)
            })
            .await?;
        Ok(DeleteCapacityProviderResponse {
            capacity_provider: Some(CapacityProvider {
                status: Some(CapacityProviderStatus::INACTIVE),
                update_status: Some(CapacityProviderUpdateStatus::DELETE_COMPLETE),
                ..render::capacity_provider::render(&gone, true)
            }),
        })
    }
}

/// The name of a cluster that has the provider.
fn user(head: &Head, caller: &Caller, provider: &str) -> Option<String> {
    let has = |cluster: &ClusterRecord| {
        let mut own = cluster.capacity_providers.iter();
        cluster.status == ClusterStatus::Active && own.any(|own| own == provider)
    };
    let prefix = scope_of(caller).key_prefix();
    let mut clusters = head.scan::<ClusterRecord>(&prefix);
    clusters
        .find(|cluster| has(cluster))
        .map(|cluster| cluster.name.clone())
}
