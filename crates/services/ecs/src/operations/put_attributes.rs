use api_ecs::{
    errors,
    operations::PutAttributes,
    types::{PutAttributesRequest, PutAttributesResponse},
};
use limits::ATTRIBUTES_PER_RESOURCE;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use super::attributes;
use crate::{Ecs, lookup, records::ContainerInstanceRecord};

impl Handle<PutAttributes> for Ecs {
    fn access(&self, caller: &Caller, input: &PutAttributesRequest) -> Access {
        attributes::access(
            "ecs:PutAttributes",
            caller,
            input.cluster.as_deref(),
            &input.attributes,
        )
    }

    /// All of them or none.
    async fn handle(
        &self,
        caller: &Caller,
        input: PutAttributesRequest,
    ) -> Result<PutAttributesResponse, Error> {
        let asked = attributes::of_request(input.attributes)?;
        let put = self
            .transact(|tx| {
                let cluster = lookup::cluster(tx, caller, input.cluster.as_deref())?;
                let mut put = vec![];
                for attribute in &asked {
                    let target = attributes::target(tx, caller, &cluster.name, attribute)?;
                    let new = attributes::parse(attribute)?;
                    let mut record = ContainerInstanceRecord::clone(&target);
                    record.own_attributes.retain(|own| own.name != new.name);
                    if record.own_attributes.len() >= ATTRIBUTES_PER_RESOURCE {
                        return Err(errors::attribute_limit_exceeded_exception(format!(
                            "{} has {ATTRIBUTES_PER_RESOURCE} attributes already.",
                            record.arn()
                        ))
                        .into());
                    }
                    put.push(attributes::render(&record, &new));
                    record.own_attributes.push(new);
                    record.version += 1;
                    debug_assert_eq!(record.key(), target.key());
                    tx.put(record);
                }
                Ok(put)
            })
            .await?;
        Ok(PutAttributesResponse {
            attributes: Some(put),
        })
    }
}
