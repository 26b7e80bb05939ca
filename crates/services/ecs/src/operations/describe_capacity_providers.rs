use api_ecs::{
    operations::DescribeCapacityProviders,
    types::{
        CapacityProvider, CapacityProviderField, CapacityProviderStatus, CapacityProviderType,
        DescribeCapacityProvidersRequest, DescribeCapacityProvidersResponse,
    },
};
use ecs_rules::cluster::FARGATE_PROVIDERS;
use kit::paginate;
use names::{Arn, Scope};
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, access::scope_of, lookup, render};

/// DescribeCapacityProviders gives this many at once.
const PAGE_ITEMS: usize = 10;

impl Handle<DescribeCapacityProviders> for Ecs {
    fn access(&self, caller: &Caller, input: &DescribeCapacityProvidersRequest) -> Access {
        let named = input.capacity_providers.as_deref().unwrap_or_default();
        let access = Access::action("ecs:DescribeCapacityProviders");
        if named.is_empty() {
            return access.resource(scope_of(caller).capacity_provider("*"));
        }
        access.resources(named.iter().map(|name| arn_of(&scope_of(caller), name)))
    }

    /// FARGATE and FARGATE_SPOT, which nobody made and nobody can delete.
    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeCapacityProvidersRequest,
    ) -> Result<DescribeCapacityProvidersResponse, Error> {
        let scope = scope_of(caller);
        let include = input.include.unwrap_or_default();
        lookup::check_include(
            &include,
            CapacityProviderField::VALUES,
            CapacityProviderField::as_str,
        )?;
        let page = lookup::page(input.max_results, input.next_token.as_deref(), PAGE_ITEMS)?;
        let associated = match input
            .cluster
            .as_deref()
            .filter(|cluster| !cluster.is_empty())
        {
            None => None,
            Some(cluster) => {
                let find = |head: &state::Head| lookup::cluster(head, caller, Some(cluster));
                Some(self.look(find).await?.capacity_providers.clone())
            }
        };
        let named = input.capacity_providers.unwrap_or_default();
        let exists = |name: &str| {
            let is_associated =
                |providers: &Vec<String>| providers.iter().any(|provider| provider == name);
            FARGATE_PROVIDERS.contains(&name) && associated.as_ref().is_none_or(is_associated)
        };
        let mut wanted: Vec<String> = FARGATE_PROVIDERS.map(String::from).to_vec();
        let mut failures = Vec::new();
        if !named.is_empty() {
            let missing = named.iter().filter(|name| !exists(short(name)));
            failures.extend(missing.map(|name| render::missing(arn_of(&scope, name))));
            wanted.retain(|known| named.iter().any(|name| short(name) == known));
        }
        wanted.retain(|name| exists(name));
        let (names, next_token) = paginate(&page, wanted.into_iter(), |name| name.clone());
        Ok(DescribeCapacityProvidersResponse {
            capacity_providers: Some(
                names
                    .into_iter()
                    .map(|name| provider(&scope, name))
                    .collect(),
            ),
            failures: Some(failures),
            next_token,
        })
    }
}

fn provider(scope: &Scope, name: String) -> CapacityProvider {
    CapacityProvider {
        capacity_provider_arn: Some(scope.capacity_provider(&name)),
        status: Some(CapacityProviderStatus::ACTIVE),
        r#type: Some(CapacityProviderType::from(name.as_str())),
        name: Some(name),
        tags: Some(vec![]),
        ..CapacityProvider::default()
    }
}

fn short(argument: &str) -> &str {
    argument.rsplit_once('/').map_or(argument, |(_, name)| name)
}

fn arn_of(scope: &Scope, argument: &str) -> String {
    if Arn::is_arn(argument) {
        return argument.to_owned();
    }
    scope.capacity_provider(argument)
}
