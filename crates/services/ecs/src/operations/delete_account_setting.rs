use api_ecs::{
    operations::DeleteAccountSetting,
    types::{DeleteAccountSettingRequest, DeleteAccountSettingResponse},
};
use ecs_rules::account_setting;
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, account_settings, answer::Refusal, records::AccountSettingRecord};

impl Handle<DeleteAccountSetting> for Ecs {
    fn access(&self, _caller: &Caller, input: &DeleteAccountSettingRequest) -> Access {
        let name = input.name.as_ref().map_or("", |name| name.as_str());
        Access::action("ecs:DeleteAccountSetting")
            .resource("*")
            .condition("ecs:account-setting", name)
    }

    /// Takes away what was set for the principal; answers what holds for it from now on.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteAccountSettingRequest,
    ) -> Result<DeleteAccountSettingResponse, Error> {
        let principal = account_settings::principal(caller, input.principal_arn.as_deref())?;
        account_settings::check_may_change(caller, &principal)?;
        let name = input.name.as_ref().map_or("", |name| name.as_str());
        let setting = account_setting::find(name)?;
        setting.check_writable()?;
        let value = self
            .transact(|tx| {
                let (account, region) = (&caller.account, &caller.region);
                let key = AccountSettingRecord::key_of(account, region, &principal, setting.name);
                tx.delete::<AccountSettingRecord>(&key);
                Ok::<_, Refusal>(account_settings::effective(tx, caller, &principal, setting))
            })
            .await?;
        Ok(DeleteAccountSettingResponse {
            setting: Some(account_settings::render(setting, value, principal)),
        })
    }
}
