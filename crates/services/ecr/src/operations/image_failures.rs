//! Why one of several images could not be had, in ECR's words.

use api_ecr::types::{ImageFailure, ImageFailureCode};

use super::BadImageId;

pub(super) fn not_found() -> ImageFailure {
    failure(
        ImageFailureCode::IMAGE_NOT_FOUND,
        "Requested image not found",
    )
}

pub(super) fn bad_id(bad: BadImageId) -> ImageFailure {
    match bad {
        BadImageId::Digest => failure(
            ImageFailureCode::INVALID_IMAGE_DIGEST,
            "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        ),
        BadImageId::Tag => failure(
            ImageFailureCode::INVALID_IMAGE_TAG,
            "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9-_]{1}[a-zA-Z0-9-_.]*'",
        ),
        BadImageId::Nothing => failure(
            ImageFailureCode::MISSING_DIGEST_AND_TAG,
            "Invalid request parameters: both tag and digest cannot be null",
        ),
    }
}

pub(super) fn failure(code: ImageFailureCode, reason: &str) -> ImageFailure {
    ImageFailure {
        failure_code: Some(code),
        failure_reason: Some(reason.to_owned()),
        image_id: None,
    }
}

pub(super) fn mismatch() -> ImageFailure {
    failure(
        ImageFailureCode::IMAGE_TAG_DOES_NOT_MATCH_DIGEST,
        "The given tag does not match the given digest",
    )
}
