use api_ecs::{
    operations::DeleteAttributes,
    types::{DeleteAttributesRequest, DeleteAttributesResponse},
};
use wire::{Access, Caller, Error, Handle};

use super::attributes;
use crate::{
    Ecs, lookup,
    records::{Attribute, ContainerInstanceRecord},
};

impl Handle<DeleteAttributes> for Ecs {
    fn access(&self, caller: &Caller, input: &DeleteAttributesRequest) -> Access {
        attributes::access(
            "ecs:DeleteAttributes",
            caller,
            input.cluster.as_deref(),
            &input.attributes,
        )
    }

    /// One that is not there is no error; the answer has what was deleted. A value must be the attribute's, if given.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteAttributesRequest,
    ) -> Result<DeleteAttributesResponse, Error> {
        let asked = attributes::of_request(input.attributes)?;
        let deleted = self
            .transact(|tx| {
                let cluster = lookup::cluster(tx, caller, input.cluster.as_deref())?;
                let mut deleted = vec![];
                for attribute in &asked {
                    let target = attributes::target(tx, caller, &cluster.name, attribute)?;
                    let name = attribute.name.as_deref().unwrap_or_default();
                    let name = attributes::checked_name(name)?;
                    let is_meant = |own: &Attribute| {
                        own.name == name
                            && attribute
                                .value
                                .as_ref()
                                .is_none_or(|value| own.value.as_ref() == Some(value))
                    };
                    let mut record = ContainerInstanceRecord::clone(&target);
                    let known = record.own_attributes.iter().find(|own| is_meant(own));
                    if let Some(known) = known {
                        deleted.push(attributes::render(&target, known));
                        record.own_attributes.retain(|own| !is_meant(own));
                        record.version += 1;
                        tx.put(record);
                    }
                }
                Ok(deleted)
            })
            .await?;
        Ok(DeleteAttributesResponse {
            attributes: Some(deleted),
        })
    }
}
