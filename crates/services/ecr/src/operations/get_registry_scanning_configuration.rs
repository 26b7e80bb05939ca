//! GetRegistryScanningConfiguration: nothing is scanned.

use api_ecr::operations::GetRegistryScanningConfiguration;
use api_ecr::types::{
    GetRegistryScanningConfigurationRequest, GetRegistryScanningConfigurationResponse,
    RegistryScanningConfiguration, ScanType,
};
use wire::{Access, Caller, Error, Handle};

use crate::Ecr;

impl Handle<GetRegistryScanningConfiguration> for Ecr {
    fn access(&self, _: &Caller, _: &GetRegistryScanningConfigurationRequest) -> Access {
        Access::action("ecr:GetRegistryScanningConfiguration")
    }

    async fn handle(
        &self,
        caller: &Caller,
        _: GetRegistryScanningConfigurationRequest,
    ) -> Result<GetRegistryScanningConfigurationResponse, Error> {
        Ok(GetRegistryScanningConfigurationResponse {
            registry_id: Some(caller.account.clone()),
            scanning_configuration: Some(RegistryScanningConfiguration {
                scan_type: Some(ScanType::BASIC),
                rules: Some(Vec::new()),
            }),
        })
    }
}
