//! UploadLayerPart: parts come in order, each where the one before it ended.

use api_ecr::errors::invalid_layer_part_exception_with;
use api_ecr::operations::UploadLayerPart;
use api_ecr::types::{self, UploadLayerPartRequest, UploadLayerPartResponse};
use bytes::Bytes;
use kit::answer::look;
use registry::{ContentError, Scope};
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::refusals::{content_error, invalid_parameter};

impl Handle<UploadLayerPart> for Ecr {
    fn access(&self, caller: &Caller, input: &UploadLayerPartRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:UploadLayerPart", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: UploadLayerPartRequest,
    ) -> Result<UploadLayerPartResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let id = input.upload_id.unwrap_or_default();
        let part = Bytes::from(input.layer_part_blob.unwrap_or_default().0);
        let first = input.part_first_byte.and_then(|it| u64::try_from(it).ok());
        let last = input.part_last_byte.and_then(|it| u64::try_from(it).ok());
        let (Some(first), Some(last)) = (first, last) else {
            return Err(invalid_parameter(
                "partFirstByte",
                "must be zero or more, as partLastByte",
            ));
        };
        if part.is_empty() || last.checked_sub(first) != Some(part.len() as u64 - 1) {
            let constraint =
                "the part must have as many bytes as partFirstByte and partLastByte say";
            return Err(invalid_parameter("layerPartBlob", constraint));
        }
        look(&self.store, |head| {
            find_repository(head, &scope, &name).map(|_| ())
        })
        .await?;
        let place = (&scope, name.as_str());
        let added = self.content.add_part(place, &id, first, part).await;
        let received = added.map_err(|error| match error {
            ContentError::OutOfOrder { received } => invalid_part(&scope, &name, &id, received),
            other => content_error(other),
        })?;
        Ok(UploadLayerPartResponse {
            registry_id: Some(scope.account.clone()),
            repository_name: Some(name),
            upload_id: Some(id),
            last_byte_received: last_byte(received),
        })
    }
}

fn last_byte(received: u64) -> Option<i64> {
    received
        .checked_sub(1)
        .and_then(|last| i64::try_from(last).ok())
}

fn invalid_part(scope: &Scope, name: &str, id: &str, received: u64) -> Error {
    let message =
        format!("The layer part is not valid: the next part must begin at byte {received}.");
    let details = types::InvalidLayerPartException {
        last_valid_byte_received: last_byte(received),
        registry_id: Some(scope.account.clone()),
        repository_name: Some(name.to_owned()),
        upload_id: Some(id.to_owned()),
        ..Default::default()
    };
    invalid_layer_part_exception_with(message, details)
}
