use api_ecs::types::{AutoScalingGroupProvider, ManagedScalingStatus};
use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};
use wire::Stored;

use super::Tags;

/// A capacity provider that a user made: an Auto Scaling group's. FARGATE and FARGATE_SPOT are no records.
///
/// Writers: Create-, Update- and DeleteCapacityProvider; TagResource and UntagResource write `tags`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityProviderRecord {
    pub account: String,
    pub region: String,
    pub name: String,
    /// Whole: every setting has a value.
    pub auto_scaling_group: Stored<AutoScalingGroupProvider>,
    /// A finished change, as the API calls it: `UPDATE_COMPLETE`. `None` while it is as it was made.
    pub update_status: Option<String>,
    pub tags: Tags,
    pub created_at: UnixMillis,
}

impl CapacityProviderRecord {
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        [account, region, name].join("/")
    }

    /// Managed scaling is on: capacity comes when tasks wait for it.
    pub fn is_scaled(&self) -> bool {
        let scaling = self.auto_scaling_group.managed_scaling.as_ref();
        let status = scaling.and_then(|scaling| scaling.status.as_ref());
        status == Some(&ManagedScalingStatus::ENABLED)
    }

    pub fn arn(&self) -> String {
        names::Scope::new(&self.account, &self.region).capacity_provider(&self.name)
    }
}

impl Record for CapacityProviderRecord {
    const TABLE: &'static str = "ecs_capacity_providers";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}
