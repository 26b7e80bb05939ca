use api_ecs::{
    errors,
    operations::ListAttributes,
    types::{ListAttributesRequest, ListAttributesResponse, TargetType},
};
use limits::LIST_PAGE_ITEMS;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use super::attributes;
use crate::{
    Ecs,
    access::in_cluster,
    lookup,
    records::{ContainerInstanceRecord, ContainerInstanceStatus},
};

impl Handle<ListAttributes> for Ecs {
    fn access(&self, caller: &Caller, input: &ListAttributesRequest) -> Access {
        let cluster = input.cluster.as_deref();
        in_cluster("ecs:ListAttributes", caller, cluster, |scope, cluster| {
            scope.container_instance(cluster, "*")
        })
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: ListAttributesRequest,
    ) -> Result<ListAttributesResponse, Error> {
        let page = lookup::page(
            input.max_results,
            input.next_token.as_deref(),
            LIST_PAGE_ITEMS,
        )?;
        if input.target_type != Some(TargetType::CONTAINER_INSTANCE) {
            return Err(errors::invalid_parameter_exception(
                "The target type must be container-instance.",
            ));
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (name, value) = (given(&input.attribute_name), given(&input.attribute_value));
        if value.is_some() && name.is_none() {
            return Err(errors::invalid_parameter_exception(
                "An attribute name must be specified together with a value.",
            ));
        }
        let all = self
            .look(|head| {
                let cluster = lookup::cluster(head, caller, input.cluster.as_deref())?;
                let (account, region) = (&cluster.account, &cluster.region);
                let prefix = ContainerInstanceRecord::key_of(account, region, &cluster.name, "");
                let records = head
                    .scan::<ContainerInstanceRecord>(&prefix)
                    .filter(|record| record.status != ContainerInstanceStatus::Inactive);
                let mut all = vec![];
                for record in records {
                    let matching = record
                        .all_attributes()
                        .filter(|own| name.as_ref().is_none_or(|name| own.name == *name))
                        .filter(|own| value.is_none() || own.value == value);
                    for own in matching {
                        let key = format!("{}/{}", record.key(), own.name);
                        all.push((key, attributes::render(record, own)));
                    }
                }
                all.sort_by(|left, right| left.0.cmp(&right.0));
                Ok(all)
            })
            .await?;
        let (found, next_token) = kit::paginate(&page, all.into_iter(), |(key, _)| key.clone());
        Ok(ListAttributesResponse {
            attributes: Some(found.into_iter().map(|(_, attribute)| attribute).collect()),
            next_token,
        })
    }
}
