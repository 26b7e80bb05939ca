use api_ecs::{
    operations::ListDaemons,
    types::{ListDaemonsRequest, ListDaemonsResponse},
};
use kit::paginate;
use limits::LIST_PAGE_ITEMS;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use super::capacity_providers;
use crate::{Ecs, access, daemons, lookup, records::ServiceRecord, render};

impl Handle<ListDaemons> for Ecs {
    fn access(&self, caller: &Caller, input: &ListDaemonsRequest) -> Access {
        let cluster = input.cluster_arn.as_deref();
        access::in_cluster("ecs:ListDaemons", caller, cluster, |_, _| "*".into())
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListDaemonsRequest,
    ) -> Result<ListDaemonsResponse, Error> {
        let page = lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        let named = input.capacity_provider_arns.unwrap_or_default();
        let wanted: Vec<&str> = named
            .iter()
            .map(|arn| capacity_providers::short(arn))
            .collect();
        let is_wanted = |daemon: &ServiceRecord| {
            let spec = daemon.task_spec.daemon.as_ref();
            let mut own = spec.iter().flat_map(|spec| &spec.capacity_providers);
            wanted.is_empty() || own.any(|provider| wanted.contains(&provider.as_str()))
        };
        let (found, next_token) = self
            .look(|head| {
                let cluster = lookup::cluster(head, caller, input.cluster_arn.as_deref())?;
                let mut found = daemons::of_cluster(head, &cluster.key());
                found.retain(|daemon| is_wanted(daemon));
                found.sort_by_key(|daemon| daemon.key());
                Ok(paginate(&page, found.into_iter(), |daemon| daemon.key()))
            })
            .await?;
        Ok(ListDaemonsResponse {
            daemon_summaries_list: Some(
                found
                    .iter()
                    .map(|daemon| render::daemon::summary(daemon))
                    .collect(),
            ),
            next_token,
        })
    }
}
