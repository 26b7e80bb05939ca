use api_ecs::{
    operations::PutAccountSetting,
    types::{PutAccountSettingRequest, PutAccountSettingResponse, Setting},
};
use ecs_rules::account_setting;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, account_settings, answer::Refusal, records::AccountSettingRecord};

impl Handle<PutAccountSetting> for Ecs {
    fn access(&self, _caller: &Caller, input: &PutAccountSettingRequest) -> Access {
        let name = input.name.as_ref().map_or("", |name| name.as_str());
        Access::action("ecs:PutAccountSetting")
            .resource("*")
            .condition("ecs:account-setting", name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutAccountSettingRequest,
    ) -> Result<PutAccountSettingResponse, Error> {
        let principal = account_settings::principal(caller, input.principal_arn.as_deref())?;
        account_settings::check_may_change(caller, &principal)?;
        let name = input.name.as_ref().map_or("", |name| name.as_str());
        let value = input.value.unwrap_or_default();
        let setting = self.put_setting(caller, principal, name, value).await?;
        Ok(PutAccountSettingResponse {
            setting: Some(setting),
        })
    }
}

impl Ecs {
    pub(super) async fn put_setting(
        &self,
        caller: &Caller,
        principal_arn: String,
        name: &str,
        value: String,
    ) -> Result<Setting, Error> {
        let setting = account_setting::find(name)?;
        setting.check_value(&value)?;
        let record = AccountSettingRecord {
            account: caller.account.clone(),
            region: caller.region.clone(),
            principal_arn: principal_arn.clone(),
            name: setting.name.to_owned(),
            value: value.clone(),
        };
        self.transact(|tx| {
            tx.put(record);
            Ok::<_, Refusal>(())
        })
        .await?;
        Ok(account_settings::render(setting, value, principal_arn))
    }
}
