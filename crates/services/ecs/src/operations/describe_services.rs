use api_ecs::{
    errors,
    operations::DescribeServices,
    types::{DescribeServicesRequest, DescribeServicesResponse, ServiceField},
};
use limits::DESCRIBE_SERVICES_ITEMS;
use wire::{Access, Caller, Error, Handle};

use super::services;
use crate::{Ecs, access, lookup, render};

impl Handle<DescribeServices> for Ecs {
    fn access(&self, caller: &Caller, input: &DescribeServicesRequest) -> Access {
        let scope = access::scope_of(caller);
        let cluster = access::cluster_of(input.cluster.as_deref());
        let names = input.services.iter().flatten();
        Access::action("ecs:DescribeServices")
            .resources(names.map(|name| services::service_arn(&scope, &cluster, name)))
            .condition("ecs:cluster", scope.cluster(&cluster))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeServicesRequest,
    ) -> Result<DescribeServicesResponse, Error> {
        let names = input.services.unwrap_or_default();
        if names.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Services cannot be empty.",
            ));
        }
        if names.len() > DESCRIBE_SERVICES_ITEMS {
            return Err(errors::invalid_parameter_exception(format!(
                "Services cannot have more than {DESCRIBE_SERVICES_ITEMS} elements."
            )));
        }
        let include = input.include.unwrap_or_default();
        lookup::check_include(&include, ServiceField::VALUES, ServiceField::as_str)?;
        let with_tags = include.contains(&ServiceField::TAGS);
        self.look(|head| {
            let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
            let (mut found, mut failures) = (vec![], vec![]);
            for name in &names {
                match services::find(head, caller, &cluster.name, name)? {
                    Some(record) => found.push(render::service::service(head, &record, with_tags)),
                    None => {
                        let scope = access::scope_of(caller);
                        let arn = services::service_arn(&scope, &cluster.name, name);
                        failures.push(render::missing(arn));
                    }
                }
            }
            Ok(DescribeServicesResponse {
                services: Some(found),
                failures: Some(failures),
            })
        })
        .await
    }
}
