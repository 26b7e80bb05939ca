use api_ecs::{
    errors,
    operations::DescribeClusters,
    types::{ClusterField, DescribeClustersRequest, DescribeClustersResponse},
};
use limits::DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::clusters;
use crate::{Ecs, access::scope_of, lookup, render};

impl Handle<DescribeClusters> for Ecs {
    fn access(&self, caller: &Caller, input: &DescribeClustersRequest) -> Access {
        let named = input.clusters.as_deref().unwrap_or_default();
        let arn = |argument: &String| {
            let name =
                lookup::cluster_name(caller, Some(argument)).unwrap_or_else(|_| argument.clone());
            scope_of(caller).cluster(&name)
        };
        let access = Access::action("ecs:DescribeClusters");
        if named.is_empty() {
            return access.resource(scope_of(caller).cluster(lookup::DEFAULT_CLUSTER));
        }
        access.resources(named.iter().map(arn))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeClustersRequest,
    ) -> Result<DescribeClustersResponse, Error> {
        let include = input.include.unwrap_or_default();
        lookup::check_include(&include, ClusterField::VALUES, ClusterField::as_str)?;
        let named = input
            .clusters
            .filter(|named| !named.is_empty())
            .unwrap_or_else(|| vec![lookup::DEFAULT_CLUSTER.into()]);
        if named.len() > DESCRIBE_ITEMS {
            return Err(errors::invalid_parameter_exception(format!(
                "Clusters cannot have more than {DESCRIBE_ITEMS} elements."
            )));
        }
        let (clusters, failures) = self
            .look(|head| {
                let (mut clusters, mut failures) = (Vec::new(), Vec::new());
                for argument in &named {
                    let name = lookup::cluster_name(caller, Some(argument)).ok();
                    let record = name
                        .as_ref()
                        .and_then(|name| lookup::cluster_record(head, caller, name));
                    match record {
                        Some(record) => {
                            let counts = clusters::counts(head, &record);
                            clusters.push(render::cluster::render(&record, &counts, &include));
                        }
                        None => failures.push(render::missing(cluster_arn(caller, argument))),
                    }
                }
                Ok((clusters, failures))
            })
            .await?;
        Ok(DescribeClustersResponse {
            clusters: Some(clusters),
            failures: Some(failures),
        })
    }
}

fn cluster_arn(caller: &Caller, argument: &str) -> String {
    if names::Arn::is_arn(argument) {
        return argument.to_owned();
    }
    scope_of(caller).cluster(argument)
}
