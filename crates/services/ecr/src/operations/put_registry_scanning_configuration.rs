//! PutRegistryScanningConfiguration: nothing is scanned, so all it can be told is that nothing shall be.

use api_ecr::operations::PutRegistryScanningConfiguration;
use api_ecr::types::{
    PutRegistryScanningConfigurationRequest, PutRegistryScanningConfigurationResponse,
    RegistryScanningConfiguration, ScanType,
};
use wire::{Access, Caller, Error, Handle};

use crate::Ecr;
use crate::refusals::unsupported;

// coverage: PutRegistryScanningConfiguration refuses rules: only none, images are not scanned yet
// coverage: PutRegistryScanningConfiguration refuses scanType: only BASIC, images are not scanned yet
impl Handle<PutRegistryScanningConfiguration> for Ecr {
    fn access(&self, _: &Caller, _: &PutRegistryScanningConfigurationRequest) -> Access {
        Access::action("ecr:PutRegistryScanningConfiguration")
    }

    async fn handle(
        &self,
        _: &Caller,
        input: PutRegistryScanningConfigurationRequest,
    ) -> Result<PutRegistryScanningConfigurationResponse, Error> {
        let scan_type = input.scan_type.unwrap_or(ScanType::BASIC);
        if scan_type != ScanType::BASIC || input.rules.is_some_and(|rules| !rules.is_empty()) {
            return Err(unsupported("scanning of images (scanType ENHANCED, rules)"));
        }
        Ok(PutRegistryScanningConfigurationResponse {
            registry_scanning_configuration: Some(RegistryScanningConfiguration {
                scan_type: Some(scan_type),
                rules: Some(Vec::new()),
            }),
        })
    }
}
