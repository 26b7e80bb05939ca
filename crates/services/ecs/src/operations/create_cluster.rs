use api_ecs::{
    errors,
    operations::CreateCluster,
    types::{CreateClusterRequest, CreateClusterResponse},
};
use ecs_rules::cluster;
use state::Head;
use wire::{Access, Caller, Error, Handle, Stored};

use super::clusters;
use crate::{
    Ecs, access, lookup,
    records::{ClusterRecord, ClusterStatus},
    render::{self, tags},
};

impl Handle<CreateCluster> for Ecs {
    fn access(&self, caller: &Caller, input: &CreateClusterRequest) -> Access {
        let name = access::cluster_of(input.cluster_name.as_deref());
        let access = clusters::on_cluster("ecs:CreateCluster", caller, Some(&name));
        let arn = access::scope_of(caller).cluster(&name);
        self.with_tags_of_creation(caller, access, "CreateCluster", arn, &input.tags)
    }

    /// The same request again gives the same cluster; a deleted one's name can be taken again.
    async fn handle(
        &self,
        caller: &Caller,
        input: CreateClusterRequest,
    ) -> Result<CreateClusterResponse, Error> {
        let cluster = self
            .transact(|tx| {
                let wanted = self.cluster_of(tx, caller, input.clone())?;
                let known = lookup::cluster_record(tx, caller, &wanted.name);
                if let Some(known) = known.filter(|known| known.status == ClusterStatus::Active) {
                    if !is_same(&known, &wanted, &input) {
                        return Err(inconsistent().into());
                    }
                    return Ok(render::cluster::render_whole(
                        &known,
                        &clusters::counts(tx, &known),
                    ));
                }
                let rendered =
                    render::cluster::render_whole(&wanted, &clusters::counts(tx, &wanted));
                tx.put(wanted);
                Ok(rendered)
            })
            .await?;
        Ok(CreateClusterResponse {
            cluster: Some(cluster),
        })
    }
}

impl Ecs {
    fn cluster_of(
        &self,
        head: &Head,
        caller: &Caller,
        input: CreateClusterRequest,
    ) -> Result<ClusterRecord, Error> {
        let name = input
            .cluster_name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| lookup::DEFAULT_CLUSTER.into());
        cluster::check_name(&name)?;
        cluster::check_service_connect(input.service_connect_defaults.as_ref())?;
        if let Some(configuration) = &input.configuration {
            cluster::check_configuration(configuration)?;
        }
        let settings = cluster::settings(&[], input.settings)?;
        let capacity_providers = cluster::capacity_providers(
            clusters::provider_names(input.capacity_providers.unwrap_or_default()),
            |name| clusters::provider_exists(head, caller, name),
        )?;
        let strategy = input.default_capacity_provider_strategy.unwrap_or_default();
        Ok(ClusterRecord {
            account: caller.account.clone(),
            region: caller.region.clone(),
            name,
            status: ClusterStatus::Active,
            settings: settings.into_iter().map(Stored).collect(),
            configuration: input.configuration.map(Stored),
            service_connect_defaults: None,
            default_capacity_provider_strategy: clusters::strategy(
                head,
                caller,
                strategy,
                &capacity_providers,
            )?,
            capacity_providers,
            tags: tags::parse(input.tags)?,
            created_at: self.clock.now(),
        })
    }
}

/// What the request does not mention may be anything: `aws ecs create-cluster` alone always gives the default cluster.
fn is_same(known: &ClusterRecord, wanted: &ClusterRecord, input: &CreateClusterRequest) -> bool {
    let agree = |is_given: bool, is_equal: bool| !is_given || is_equal;
    agree(input.settings.is_some(), known.settings == wanted.settings)
        && agree(
            input.configuration.is_some(),
            known.configuration == wanted.configuration,
        )
        && agree(
            input.capacity_providers.is_some(),
            known.capacity_providers == wanted.capacity_providers,
        )
        && agree(
            input.default_capacity_provider_strategy.is_some(),
            known.default_capacity_provider_strategy == wanted.default_capacity_provider_strategy,
        )
        && agree(input.tags.is_some(), known.tags == wanted.tags)
}

fn inconsistent() -> Error {
    errors::invalid_parameter_exception(
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
    )
}
