//! BatchCheckLayerAvailability.

use api_ecr::operations::BatchCheckLayerAvailability;
use api_ecr::types::{
    BatchCheckLayerAvailabilityRequest, BatchCheckLayerAvailabilityResponse, Layer,
    LayerAvailability, LayerFailure, LayerFailureCode,
};
use kit::answer::look;
use limits::ECR_REQUEST_ITEMS;
use registry::Digest;
use state::Head;
use wire::{Access, Caller, Error, Handle};

use super::{find_repository, registry_of, required};
use crate::Ecr;
use crate::access::on_repository;
use crate::records::{LayerRecord, in_repository, repository_key};
use crate::refusals::invalid_parameter;

impl Handle<BatchCheckLayerAvailability> for Ecr {
    fn access(&self, caller: &Caller, input: &BatchCheckLayerAvailabilityRequest) -> Access {
        let name = input.repository_name.as_deref();
        on_repository("ecr:BatchCheckLayerAvailability", caller, name)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: BatchCheckLayerAvailabilityRequest,
    ) -> Result<BatchCheckLayerAvailabilityResponse, Error> {
        let scope = registry_of(caller, input.registry_id.as_deref());
        let name = required(input.repository_name)?;
        let texts = input.layer_digests.unwrap_or_default();
        if !(1..=ECR_REQUEST_ITEMS).contains(&texts.len()) {
            let constraint = format!("Member must have 1 to {ECR_REQUEST_ITEMS} layer digests");
            return Err(invalid_parameter("layerDigests", &constraint));
        }
        let key = repository_key(&scope, &name);
        look(&self.store, |head| {
            find_repository(head, &scope, &name)?;
            let (mut layers, mut failures) = (Vec::new(), Vec::new());
            for text in texts {
                match text.parse::<Digest>() {
                    Ok(digest) => layers.push(layer(head, &key, &digest)),
                    Err(_) => failures.push(invalid(text)),
                }
            }
            Ok(BatchCheckLayerAvailabilityResponse {
                layers: Some(layers),
                failures: Some(failures),
            })
        })
        .await
    }
}

fn layer(head: &Head, repository_key: &str, digest: &Digest) -> Layer {
    let found = head.get::<LayerRecord>(&in_repository(repository_key, digest.as_str()));
    Layer {
        layer_digest: Some(digest.to_string()),
        layer_availability: Some(match found {
            Some(_) => LayerAvailability::AVAILABLE,
            None => LayerAvailability::UNAVAILABLE,
        }),
        layer_size: found.and_then(|layer| i64::try_from(layer.bytes).ok()),
        media_type: None,
    }
}

fn invalid(text: String) -> LayerFailure {
    let reason = match text.is_empty() {
        true => "Invalid request parameters: layer digest cannot be null or empty",
        false => "Invalid request parameters: layer digest must be a sha256 digest",
    };
    LayerFailure {
        failure_code: Some(match text.is_empty() {
            true => LayerFailureCode::MISSING_LAYER_DIGEST,
            false => LayerFailureCode::INVALID_LAYER_DIGEST,
        }),
        failure_reason: Some(reason.to_owned()),
        layer_digest: Some(text),
    }
}
