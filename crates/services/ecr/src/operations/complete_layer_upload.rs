//! CompleteLayerUpload: the parts become a layer of the repository.

use api_ecr::errors::{
    empty_upload_exception, invalid_layer_exception, layer_already_exists_exception,
};
use api_ecr::operations::CompleteLayerUpload;
use api_ecr::types::{CompleteLayerUploadRequest, CompleteLayerUploadResponse};
use kit::answer::look;
use registry::{ContentError, Digest};
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::records::{LayerRecord, in_repository, repository_key};
use crate::refusals::{content_error, invalid_parameter};

impl Handle<CompleteLayerUpload> for Ecr {
    fn access(&self, caller: &Caller, input: &CompleteLayerUploadRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:CompleteLayerUpload", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: CompleteLayerUploadRequest,
    ) -> Result<CompleteLayerUploadResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let id = input.upload_id.unwrap_or_default();
        let texts = input.layer_digests.unwrap_or_default();
        let digest = texts.iter().find_map(|text| text.parse::<Digest>().ok());
        let digest =
            digest.ok_or_else(|| invalid_parameter("layerDigests", "must have a sha256 digest"))?;
        let place = (&scope, name.as_str());
        let received = self
            .content
            .received(place, &id)
            .await
            .map_err(content_error)?;
        if received == 0 {
            let message = "The specified layer upload does not contain any layer parts.";
            return Err(empty_upload_exception(message));
        }
        let key = in_repository(&repository_key(&scope, &name), digest.as_str());
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            match head.contains::<LayerRecord>(&key) {
                true => Err(layer_already_exists_exception(format!(
                    "The layer with digest '{digest}' already exists in the repository with name '{name}' in registry \
                     with id '{}'",
                    scope.account
                ))),
                false => Ok(()),
            }
        })
        .await?;
        let completed = self
            .content
            .complete_upload(self, place, &id, &digest)
            .await;
        completed.map_err(|error| match error {
            ContentError::Digest { .. } => invalid_layer_exception(
                "The layer digest calculation performed by Amazon ECR upon receipt of the image layer does not match the \
                 digest specified.",
            ),
            other => content_error(other),
        })?;
        Ok(CompleteLayerUploadResponse {
            registry_id: Some(scope.account.clone()),
            repository_name: Some(name.clone()),
            upload_id: Some(id),
            layer_digest: Some(digest.to_string()),
        })
    }
}
