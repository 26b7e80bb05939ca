//! What ECR says when it refuses, in its words.

use api_ecr::errors;
use registry::{CatalogError, ContentError, Scope};
use wire::Error;

use crate::records::RepositoryRecord;

pub(crate) fn repository_not_found(scope: &Scope, name: &str) -> Error {
    errors::repository_not_found_exception(not_found_text(scope, name))
}

/// The same towards clients of the registry.
pub(crate) fn repository_unknown(scope: &Scope, name: &str) -> CatalogError {
    CatalogError::RepositoryUnknown(not_found_text(scope, name))
}

pub(crate) fn repository_exists(scope: &Scope, name: &str) -> Error {
    errors::repository_already_exists_exception(format!(
        "The repository with name '{name}' already exists in the registry with id '{}'",
        scope.account
    ))
}

pub(crate) fn repository_not_empty(scope: &Scope, name: &str) -> Error {
    errors::repository_not_empty_exception(format!(
        "The repository with name '{name}' in registry with id '{}' cannot be deleted because it still contains images",
        scope.account
    ))
}

pub(crate) fn image_not_found(
    scope: &Scope,
    repository: &str,
    digest: Option<&str>,
    tag: Option<&str>,
) -> Error {
    errors::image_not_found_exception(format!(
        "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with name \
         '{repository}' in the registry with id '{}'",
        digest.unwrap_or("null"),
        tag.unwrap_or("null"),
        scope.account
    ))
}

pub(crate) fn repository_policy_not_found(scope: &Scope, name: &str) -> Error {
    errors::repository_policy_not_found_exception(format!(
        "Repository policy does not exist for the repository with name '{name}' in the registry with id '{}'",
        scope.account
    ))
}

pub(crate) fn lifecycle_policy_not_found(scope: &Scope, name: &str) -> Error {
    errors::lifecycle_policy_not_found_exception(format!(
        "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{}'",
        scope.account
    ))
}

pub(crate) fn lifecycle_preview_not_found(scope: &Scope, name: &str) -> Error {
    errors::lifecycle_policy_preview_not_found_exception(format!(
        "Lifecycle policy preview does not exist for the repository with name '{name}' in the registry with id '{}'",
        scope.account
    ))
}

pub(crate) fn registry_policy_not_found(scope: &Scope) -> Error {
    errors::registry_policy_not_found_exception(format!(
        "Registry policy does not exist in the registry with id '{}'",
        scope.account
    ))
}

/// Why a tag cannot come to mean another image.
pub(crate) fn tag_immutable(repository: &RepositoryRecord, tag: &str) -> String {
    let name = &repository.name;
    let why = match repository.immutable_tags {
        true => "the repository is immutable",
        false => "the tag matches one of the repository's mutability exclusion filters",
    };
    format!(
        "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because {why}."
    )
}

pub(crate) fn invalid_parameter(parameter: &str, constraint: &str) -> Error {
    errors::invalid_parameter_exception(format!(
        "Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'"
    ))
}

/// A value that asks for what is not built.
pub(crate) fn unsupported(what: &str) -> Error {
    let message = format!("Gantry does not support {what} yet.");
    Error::client("UnsupportedFeatureException", message)
}

fn not_found_text(scope: &Scope, name: &str) -> String {
    format!(
        "The repository with name '{name}' does not exist in the registry with id '{}'",
        scope.account
    )
}

/// What went wrong with the registry's bytes, where the operation has no words of its own for it.
pub(crate) fn content_error(error: ContentError) -> Error {
    match error {
        ContentError::Catalog(CatalogError::RepositoryUnknown(message)) => {
            errors::repository_not_found_exception(message)
        }
        ContentError::UploadUnknown => errors::upload_not_found_exception(
            "The upload could not be found, or the specified upload ID is not valid for this repository.",
        ),
        ContentError::TooLarge | ContentError::TooManyUploads => {
            errors::limit_exceeded_exception(error.to_string())
        }
        error => {
            tracing::error!(%error, "registry");
            Error::internal("The registry could not read or write its files.")
        }
    }
}
