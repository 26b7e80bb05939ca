use api_ecs::types::{ClusterConfiguration, ClusterServiceConnectDefaults, ClusterSetting};
use clock::UnixMillis;
use serde::{Deserialize, Serialize};
use state::{Index, Record};
use wire::Stored;

use super::Tags;

/// A cluster. Deleted ones stay as INACTIVE, as AWS keeps them describable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterRecord {
    pub account: String,
    pub region: String,
    pub name: String,
    pub status: ClusterStatus,
    pub settings: Vec<Stored<ClusterSetting>>,
    pub configuration: Option<Stored<ClusterConfiguration>>,
    pub service_connect_defaults: Option<Stored<ClusterServiceConnectDefaults>>,
    pub capacity_providers: Vec<String>,
    pub default_capacity_provider_strategy: Vec<StrategyItem>,
    pub tags: Tags,
    pub created_at: UnixMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterStatus {
    Active,
    Inactive,
}

/// One item of a capacity provider strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyItem {
    pub capacity_provider: String,
    pub weight: i32,
    pub base: i32,
}

impl ClusterRecord {
    pub fn key_of(account: &str, region: &str, name: &str) -> String {
        [account, region, name].join("/")
    }

    pub fn arn(&self) -> String {
        names::Scope::new(&self.account, &self.region).cluster(&self.name)
    }

    /// Takes over the settings that a request names.
    pub(crate) fn change_settings(
        &mut self,
        asked: Option<Vec<ClusterSetting>>,
    ) -> Result<(), ecs_rules::Refusal> {
        let current: Vec<ClusterSetting> = self
            .settings
            .iter()
            .map(|setting| setting.0.clone())
            .collect();
        let settings = ecs_rules::cluster::settings(&current, asked)?;
        self.settings = settings.into_iter().map(Stored).collect();
        Ok(())
    }
}

impl Record for ClusterRecord {
    const TABLE: &'static str = "ecs_clusters";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}

impl ClusterStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }
}
