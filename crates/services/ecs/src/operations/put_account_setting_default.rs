use api_ecs::{
    operations::PutAccountSettingDefault,
    types::{PutAccountSettingDefaultRequest, PutAccountSettingDefaultResponse},
};
use wire::{Access, Caller, Error, Handle};

use crate::{Ecs, account_settings};

impl Handle<PutAccountSettingDefault> for Ecs {
    fn access(&self, _caller: &Caller, input: &PutAccountSettingDefaultRequest) -> Access {
        let name = input.name.as_ref().map_or("", |name| name.as_str());
        Access::action("ecs:PutAccountSettingDefault")
            .resource("*")
            .condition("ecs:account-setting", name)
    }

    /// For all who have no value of their own: the same as the root user's.
    async fn handle(
        &self,
        caller: &Caller,
        input: PutAccountSettingDefaultRequest,
    ) -> Result<PutAccountSettingDefaultResponse, Error> {
        let name = input.name.as_ref().map_or("", |name| name.as_str());
        let value = input.value.unwrap_or_default();
        let root = account_settings::root_arn(caller);
        let setting = self.put_setting(caller, root, name, value).await?;
        Ok(PutAccountSettingDefaultResponse {
            setting: Some(setting),
        })
    }
}
