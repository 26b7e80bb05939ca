//! PutAccountSetting: takes what is so already.

use api_ecr::operations::PutAccountSetting;
use api_ecr::types::{PutAccountSettingRequest, PutAccountSettingResponse};
use wire::{Access, Caller, Error, Handle};

use super::get_account_setting::{unknown, value_of};
use crate::Ecr;
use crate::refusals::unsupported;

// coverage: PutAccountSetting refuses value: only the values that GetAccountSetting shows
impl Handle<PutAccountSetting> for Ecr {
    fn access(&self, _: &Caller, _: &PutAccountSettingRequest) -> Access {
        Access::action("ecr:PutAccountSetting")
    }

    async fn handle(
        &self,
        _: &Caller,
        input: PutAccountSettingRequest,
    ) -> Result<PutAccountSettingResponse, Error> {
        let (name, value) = (
            input.name.unwrap_or_default(),
            input.value.unwrap_or_default(),
        );
        let present = value_of(&name).ok_or_else(|| unknown(&name))?;
        if value != present {
            return Err(unsupported(&format!("{name} other than {present}")));
        }
        Ok(PutAccountSettingResponse {
            name: Some(name),
            value: Some(value),
        })
    }
}
