use api_ecs::{
    errors,
    operations::ListContainerInstances,
    types::{
        ContainerInstanceStatus as ApiStatus, ListContainerInstancesRequest,
        ListContainerInstancesResponse,
    },
};
use kit::paginate;
use limits::LIST_PAGE_ITEMS;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs, NodeUsage,
    access::in_cluster,
    lookup,
    queried::{self, Queried},
    records::ContainerInstanceRecord,
};

impl Handle<ListContainerInstances> for Ecs {
    fn access(&self, caller: &Caller, input: &ListContainerInstancesRequest) -> Access {
        in_cluster(
            "ecs:ListContainerInstances",
            caller,
            input.cluster.as_deref(),
            |scope, cluster| scope.cluster(cluster),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListContainerInstancesRequest,
    ) -> Result<ListContainerInstancesResponse, Error> {
        let filter = input.filter.as_deref().map(str::trim);
        let filter = filter
            .filter(|filter| !filter.is_empty())
            .map(|filter| queried::parse("filter", filter))
            .transpose()?;
        let page = lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        let wanted = wanted(input.status.as_ref())?;
        let (instances, next_token) = self
            .look(|head| {
                let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
                let prefix = ContainerInstanceRecord::key_of(
                    &cluster.account,
                    &cluster.region,
                    &cluster.name,
                    "",
                );
                let matching = head
                    .scan::<ContainerInstanceRecord>(&prefix)
                    .filter(|record| wanted.contains(&record.shown_status()))
                    .filter(|record| {
                        filter.as_ref().is_none_or(|filter| {
                            let used = head.view::<NodeUsage>().get(&record.key());
                            filter.selects(&Queried { record, used })
                        })
                    });
                Ok(paginate(&page, matching.cloned(), |record| record.key()))
            })
            .await?;
        Ok(ListContainerInstancesResponse {
            container_instance_arns: Some(instances.iter().map(|record| record.arn()).collect()),
            next_token,
        })
    }
}

/// Without a status: those that are not INACTIVE.
fn wanted(status: Option<&ApiStatus>) -> Result<Vec<&str>, Error> {
    Ok(match status.map(ApiStatus::as_str) {
        None => vec!["ACTIVE", "DRAINING", "REGISTERING"],
        Some(known @ ("ACTIVE" | "DRAINING" | "REGISTERING")) => vec![known],
        // These take one transaction, so nothing is ever in between.
        Some("DEREGISTERING" | "REGISTRATION_FAILED") => vec![],
        Some(other) => {
            return Err(errors::invalid_parameter_exception(format!(
                "Invalid container instance status: '{other}'."
            )));
        }
    })
}
