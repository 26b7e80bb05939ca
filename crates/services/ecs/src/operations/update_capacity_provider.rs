use api_ecs::{
    operations::UpdateCapacityProvider,
    types::{UpdateCapacityProviderRequest, UpdateCapacityProviderResponse},
};
use ecs_rules::capacity_provider;
use wire::{Access, Caller, Error, Handle, Stored};

use super::{
    capacity_providers::{self, arn_of},
    refused::{self, UPDATE_CAPACITY_PROVIDER},
};
use crate::{Ecs, access::scope_of, answer::Refusal, records::CapacityProviderRecord, render};

impl Handle<UpdateCapacityProvider> for Ecs {
    fn access(&self, caller: &Caller, input: &UpdateCapacityProviderRequest) -> Access {
        let name = input.name.as_deref().unwrap_or_default();
        Access::action("ecs:UpdateCapacityProvider").resource(arn_of(&scope_of(caller), name))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UpdateCapacityProviderRequest,
    ) -> Result<UpdateCapacityProviderResponse, Error> {
        refused::check(UPDATE_CAPACITY_PROVIDER, &input)?;
        capacity_providers::refuse_cluster(&input.cluster)?;
        let asked = input.auto_scaling_group_provider.unwrap_or_default();
        let name = input.name;
        let rendered = self
            .transact(|tx| {
                let known = capacity_providers::changeable(tx, caller, name.as_deref())?;
                let group = capacity_provider::updated(&known.auto_scaling_group, asked)?;
                let mut record = CapacityProviderRecord::clone(&known);
                record.auto_scaling_group = Stored(group);
                record.update_status = Some("UPDATE_COMPLETE".into());
                let rendered = render::capacity_provider::render(&record, true);
                tx.put(record);
                Ok::<_, Refusal>(rendered)
            })
            .await?;
        Ok(UpdateCapacityProviderResponse {
            capacity_provider: Some(rendered),
        })
    }
}
