use api_ecs::{
    operations::ListClusters,
    types::{ListClustersRequest, ListClustersResponse},
};
use kit::paginate;
use limits::LIST_PAGE_ITEMS;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs,
    access::scope_of,
    lookup,
    records::{ClusterRecord, ClusterStatus},
};

impl Handle<ListClusters> for Ecs {
    fn access(&self, _caller: &Caller, _input: &ListClustersRequest) -> Access {
        Access::action("ecs:ListClusters").resource("*")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListClustersRequest,
    ) -> Result<ListClustersResponse, Error> {
        let page = lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        let (clusters, next_token) = self
            .look(|head| {
                let active = head
                    .scan::<ClusterRecord>(&scope_of(caller).key_prefix())
                    .filter(|record| record.status == ClusterStatus::Active);
                Ok(paginate(&page, active.cloned(), |record| record.key()))
            })
            .await?;
        Ok(ListClustersResponse {
            cluster_arns: Some(clusters.iter().map(|record| record.arn()).collect()),
            next_token,
        })
    }
}
