//! GetDownloadUrlForLayer: a link that is good for an hour and for this layer alone.

use api_ecr::errors::layers_not_found_exception;
use api_ecr::operations::GetDownloadUrlForLayer;
use api_ecr::types::{GetDownloadUrlForLayerRequest, GetDownloadUrlForLayerResponse};
use kit::answer::look;
use registry::Digest;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::records::{LayerRecord, in_repository, repository_key};
use crate::refusals::invalid_parameter;

impl Handle<GetDownloadUrlForLayer> for Ecr {
    fn access(&self, caller: &Caller, input: &GetDownloadUrlForLayerRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:GetDownloadUrlForLayer", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetDownloadUrlForLayerRequest,
    ) -> Result<GetDownloadUrlForLayerResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let text = input.layer_digest.unwrap_or_default();
        let digest = text.parse::<Digest>();
        let digest =
            digest.map_err(|error| invalid_parameter("layerDigest", &error.to_string()))?;
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let key = in_repository(&repository_key(&scope, &name), digest.as_str());
            match head.contains::<LayerRecord>(&key) {
                true => Ok(()),
                false => Err(layers_not_found_exception(format!(
                    "The layer with digest '{digest}' does not exist in the repository with name '{name}' in the \
                     registry with id '{}'",
                    scope.account
                ))),
            }
        })
        .await?;
        Ok(GetDownloadUrlForLayerResponse {
            download_url: Some(self.download_url(&scope, &name, &digest)),
            layer_digest: Some(digest.to_string()),
        })
    }
}
