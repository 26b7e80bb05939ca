use serde::{Deserialize, Serialize};
use state::{Index, Record};

/// An account setting that somebody set. The root user's holds for all who have none of their own.
///
/// Writers: PutAccountSetting, PutAccountSettingDefault, DeleteAccountSetting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSettingRecord {
    pub account: String,
    pub region: String,
    /// Of a user, a role or the root user.
    pub principal_arn: String,
    pub name: String,
    pub value: String,
}

impl AccountSettingRecord {
    pub fn key_of(account: &str, region: &str, principal_arn: &str, name: &str) -> String {
        format!("{account}/{region}/{principal_arn}/{name}")
    }
}

impl Record for AccountSettingRecord {
    const TABLE: &'static str = "ecs_account_settings";
    const VERSION: u32 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.account, &self.region, &self.principal_arn, &self.name)
    }

    fn indexes() -> &'static [Index<Self>] {
        &[]
    }
}
