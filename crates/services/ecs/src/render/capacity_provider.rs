//! Capacity providers as DescribeCapacityProviders shows them.

use api_ecs::types::{CapacityProvider, CapacityProviderStatus, CapacityProviderType};
use names::Scope;

use super::tags;
use crate::records::CapacityProviderRecord;

pub(crate) fn render(record: &CapacityProviderRecord, with_tags: bool) -> CapacityProvider {
    CapacityProvider {
        capacity_provider_arn: Some(record.arn()),
        name: Some(record.name.clone()),
        status: Some(CapacityProviderStatus::ACTIVE),
        r#type: Some(CapacityProviderType::EC2_AUTOSCALING),
        auto_scaling_group_provider: Some(record.auto_scaling_group.0.clone()),
        update_status: record.update_status.as_deref().map(Into::into),
        tags: Some(match with_tags {
            true => tags::render(&record.tags),
            false => vec![],
        }),
        ..CapacityProvider::default()
    }
}

/// FARGATE or FARGATE_SPOT, which nobody made and nobody can delete.
pub(crate) fn fargate(scope: &Scope, name: &str) -> CapacityProvider {
    CapacityProvider {
        capacity_provider_arn: Some(scope.capacity_provider(name)),
        status: Some(CapacityProviderStatus::ACTIVE),
        r#type: Some(CapacityProviderType::from(name)),
        name: Some(name.to_owned()),
        tags: Some(vec![]),
        ..CapacityProvider::default()
    }
}
