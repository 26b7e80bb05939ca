use api_ecs::{
    errors,
    operations::DescribeContainerInstances,
    types::{
        ContainerInstanceField, DescribeContainerInstancesRequest,
        DescribeContainerInstancesResponse,
    },
};
use limits::DESCRIBE_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::container_instances::{self, arn_of};
use crate::{Ecs, access::scope_of, lookup, render};

impl Handle<DescribeContainerInstances> for Ecs {
    fn access(&self, caller: &Caller, input: &DescribeContainerInstancesRequest) -> Access {
        let cluster = lookup::cluster_name(caller, input.cluster.as_deref())
            .unwrap_or_else(|_| input.cluster.clone().unwrap_or_default());
        let named = input.container_instances.iter().flatten();
        Access::action("ecs:DescribeContainerInstances")
            .resources(named.map(|argument| arn_of(caller, &cluster, argument)))
            .condition("ecs:cluster", scope_of(caller).cluster(&cluster))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeContainerInstancesRequest,
    ) -> Result<DescribeContainerInstancesResponse, Error> {
        let include = input.include.unwrap_or_default();
        lookup::check_include(
            &include,
            ContainerInstanceField::VALUES,
            ContainerInstanceField::as_str,
        )?;
        let named = input.container_instances.unwrap_or_default();
        if named.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Container instances cannot be empty.",
            ));
        }
        if named.len() > DESCRIBE_ITEMS {
            return Err(errors::invalid_parameter_exception(format!(
                "Container instances cannot have more than {DESCRIBE_ITEMS} elements."
            )));
        }
        let (instances, failures) = self
            .look(|head| {
                let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
                let (mut instances, mut failures) = (Vec::new(), Vec::new());
                for argument in &named {
                    match container_instances::find(head, caller, &cluster.name, argument) {
                        Some(record) => {
                            instances.push(container_instances::render(head, &record, &include))
                        }
                        None => {
                            failures.push(render::missing(arn_of(caller, &cluster.name, argument)))
                        }
                    }
                }
                Ok((instances, failures))
            })
            .await?;
        Ok(DescribeContainerInstancesResponse {
            container_instances: Some(instances),
            failures: Some(failures),
        })
    }
}
