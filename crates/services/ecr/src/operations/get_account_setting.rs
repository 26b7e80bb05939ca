//! GetAccountSetting.

use api_ecr::operations::GetAccountSetting;
use api_ecr::types::{GetAccountSettingRequest, GetAccountSettingResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Ecr;
use crate::refusals::invalid_parameter;

impl Handle<GetAccountSetting> for Ecr {
    fn access(&self, _: &Caller, _: &GetAccountSettingRequest) -> Access {
        Access::action("ecr:GetAccountSetting")
    }

    async fn handle(
        &self,
        _: &Caller,
        input: GetAccountSettingRequest,
    ) -> Result<GetAccountSettingResponse, Error> {
        let name = input.name.unwrap_or_default();
        let value = value_of(&name).ok_or_else(|| unknown(&name))?;
        Ok(GetAccountSettingResponse {
            name: Some(name),
            value: Some(value.to_owned()),
        })
    }
}

/// The settings of ECR with the values that describe what is built; none of them can be changed.
pub(super) fn value_of(name: &str) -> Option<&'static str> {
    match name {
        "BASIC_SCAN_TYPE_VERSION" => Some("AWS_NATIVE"),
        "BLOB_MOUNTING" => Some("ENABLED"),
        "REGISTRY_POLICY_SCOPE" => Some("V2"),
        _ => None,
    }
}

pub(super) fn unknown(name: &str) -> Error {
    let constraint = format!(
        "'{name}' must be one of BASIC_SCAN_TYPE_VERSION, BLOB_MOUNTING, REGISTRY_POLICY_SCOPE"
    );
    invalid_parameter("name", &constraint)
}
