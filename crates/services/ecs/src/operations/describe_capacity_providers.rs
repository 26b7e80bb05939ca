use std::collections::BTreeMap;

use api_ecs::{
    operations::DescribeCapacityProviders,
    types::{
        CapacityProviderField, DescribeCapacityProvidersRequest, DescribeCapacityProvidersResponse,
    },
};
use ecs_rules::cluster::FARGATE_PROVIDERS;
use kit::paginate;
use state::Head;
use wire::{Access, Caller, Error, Handle};

use super::capacity_providers::{arn_of, short};
use crate::{Ecs, access::scope_of, lookup, records::CapacityProviderRecord, render};

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
                let find = |head: &Head| lookup::cluster(head, caller, Some(cluster));
                Some(self.look(find).await?.capacity_providers.clone())
            }
        };
        let with_tags = include.contains(&CapacityProviderField::TAGS);
        let made = |head: &Head| {
            let records = head.scan::<CapacityProviderRecord>(&scope.key_prefix());
            records
                .map(|record| {
                    let rendered = render::capacity_provider::render(record, with_tags);
                    (record.name.clone(), rendered)
                })
                .collect::<BTreeMap<_, _>>()
        };
        let mut all = self.look(|head| Ok(made(head))).await?;
        for name in FARGATE_PROVIDERS {
            all.insert(
                name.to_owned(),
                render::capacity_provider::fargate(&scope, name),
            );
        }
        if let Some(associated) = associated {
            all.retain(|name, _| associated.contains(name));
        }
        let named = input.capacity_providers.unwrap_or_default();
        let mut failures = Vec::new();
        if !named.is_empty() {
            let missing = named.iter().filter(|name| !all.contains_key(short(name)));
            failures.extend(missing.map(|name| render::missing(arn_of(&scope, name))));
            all.retain(|known, _| named.iter().any(|name| short(name) == known));
        }
        let (found, next_token) = paginate(&page, all.into_iter(), |(name, _)| name.clone());
        Ok(DescribeCapacityProvidersResponse {
            capacity_providers: Some(found.into_iter().map(|(_, provider)| provider).collect()),
            failures: Some(failures),
            next_token,
        })
    }
}
