//! PutImageScanningConfiguration: images are not scanned, so all it can be told is that they shall not be.

use api_ecr::operations::PutImageScanningConfiguration;
use api_ecr::types::{
    ImageScanningConfiguration, PutImageScanningConfigurationRequest,
    PutImageScanningConfigurationResponse,
};
use kit::answer::look;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, refuse_scanning, registry_of, required};
use crate::Ecr;
use crate::access::on_repository;

// coverage: PutImageScanningConfiguration refuses imageScanningConfiguration.scanOnPush: only false is taken, images are not scanned yet
impl Handle<PutImageScanningConfiguration> for Ecr {
    fn access(&self, caller: &Caller, input: &PutImageScanningConfigurationRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:PutImageScanningConfiguration", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: PutImageScanningConfigurationRequest,
    ) -> Result<PutImageScanningConfigurationResponse, Error> {
        refuse_scanning(input.image_scanning_configuration.as_ref())?;
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            Ok(PutImageScanningConfigurationResponse {
                registry_id: Some(scope.account.clone()),
                repository_name: Some(name.clone()),
                image_scanning_configuration: Some(ImageScanningConfiguration {
                    scan_on_push: Some(false),
                }),
            })
        })
        .await
    }
}
