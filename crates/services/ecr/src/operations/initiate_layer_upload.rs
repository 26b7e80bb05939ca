//! InitiateLayerUpload.

use api_ecr::operations::InitiateLayerUpload;
use api_ecr::types::{InitiateLayerUploadRequest, InitiateLayerUploadResponse};
use limits::LAYER_PART_BYTES;
use wire::{Access, Caller, Error, Handle};

use super::{registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::refusals::content_error;

impl Handle<InitiateLayerUpload> for Ecr {
    fn access(&self, caller: &Caller, input: &InitiateLayerUploadRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:InitiateLayerUpload", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: InitiateLayerUploadRequest,
    ) -> Result<InitiateLayerUploadResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let begun = self.content.begin_upload(self, &scope, &name).await;
        Ok(InitiateLayerUploadResponse {
            upload_id: Some(begun.map_err(content_error)?),
            part_size: Some(LAYER_PART_BYTES),
        })
    }
}
