//! Refusals in AWS's words.

use api_secretsmanager::errors::{
    internal_service_error, invalid_next_token_exception, invalid_parameter_exception,
    invalid_request_exception, resource_not_found_exception,
};
use kit::tags::TagError;
use vault::VaultError;
use wire::Error;

pub(crate) fn not_found() -> Error {
    resource_not_found_exception("Secrets Manager can't find the specified secret.")
}

pub(crate) fn value_not_found(kind: &str, what: &str) -> Error {
    resource_not_found_exception(format!(
        "Secrets Manager can't find the specified secret value for {kind}: {what}"
    ))
}

pub(crate) fn is_deleted() -> Error {
    invalid_request_exception(
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
}

pub(crate) fn bad_token() -> Error {
    invalid_next_token_exception("The NextToken value is invalid.")
}

pub(crate) fn bad_tags(error: &TagError) -> Error {
    invalid_parameter_exception(error.to_string())
}

/// A value that asks for what is not built.
pub(crate) fn unsupported(what: &str) -> Error {
    let message = format!("Gantry does not support {what} yet.");
    Error::client("UnsupportedFeatureException", message)
}

/// The vault says no more than its kind to the log, and nothing to the client.
pub(crate) fn vault_failed(error: &VaultError) -> Error {
    tracing::error!(%error, "the vault failed a request");
    internal_service_error("An error occurred on the server side.")
}
