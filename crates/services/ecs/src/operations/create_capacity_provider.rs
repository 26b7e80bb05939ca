use api_ecs::{
    errors,
    operations::CreateCapacityProvider,
    types::{CreateCapacityProviderRequest, CreateCapacityProviderResponse},
};
use ecs_rules::capacity_provider;
use limits::CAPACITY_PROVIDERS_PER_REGION;
use state::Record;
use wire::{Access, Caller, Error, Handle, Stored};

use super::{
    capacity_providers,
    refused::{self, CREATE_CAPACITY_PROVIDER},
};
use crate::{
    Ecs,
    access::scope_of,
    answer::Refusal,
    records::CapacityProviderRecord,
    render::{self, tags},
};

impl Handle<CreateCapacityProvider> for Ecs {
    fn access(&self, caller: &Caller, input: &CreateCapacityProviderRequest) -> Access {
        let name = input.name.as_deref().unwrap_or_default();
        let arn = scope_of(caller).capacity_provider(name);
        let access = Access::action("ecs:CreateCapacityProvider").resource(arn.clone());
        self.with_tags_of_creation(caller, access, "CreateCapacityProvider", arn, &input.tags)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: CreateCapacityProviderRequest,
    ) -> Result<CreateCapacityProviderResponse, Error> {
        refused::check(CREATE_CAPACITY_PROVIDER, &input)?;
        capacity_providers::refuse_cluster(&input.cluster)?;
        let name = input.name.unwrap_or_default();
        capacity_provider::check_name(&name)?;
        let Some(group) = input.auto_scaling_group_provider else {
            return Err(errors::invalid_parameter_exception(
                "The autoScalingGroupProvider of the capacity provider must be specified.",
            ));
        };
        let record = CapacityProviderRecord {
            account: caller.account.clone(),
            region: caller.region.clone(),
            name,
            auto_scaling_group: Stored(capacity_provider::created(group)?),
            update_status: None,
            tags: tags::parse(input.tags)?,
            created_at: self.clock.now(),
        };
        let rendered = render::capacity_provider::render(&record, true);
        self.transact(|tx| {
            if tx.contains::<CapacityProviderRecord>(&record.key()) {
                return Err(errors::client_exception(
                    "The specified capacity provider already exists. To change the configuration of an existing capacity provider, update the capacity provider.",
                )
                .into());
            }
            let prefix = scope_of(caller).key_prefix();
            let all = tx.scan::<CapacityProviderRecord>(&prefix);
            if all.count() >= CAPACITY_PROVIDERS_PER_REGION {
                return Err(errors::limit_exceeded_exception(
                    "The maximum number of capacity providers has been exceeded.",
                )
                .into());
            }
            tx.insert(record)?;
            Ok::<_, Refusal>(())
        })
        .await?;
        Ok(CreateCapacityProviderResponse {
            capacity_provider: Some(rendered),
        })
    }
}
