//! What ECR says when it refuses, in its words.

use api_ecr::errors;
use registry::{CatalogError, Scope};
use wire::Error;

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
