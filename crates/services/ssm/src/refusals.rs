//! Refusals in AWS's words.

use api_ssm::errors;
use vault::VaultError;
use wire::Error;

const NAME_RULE: &str = "If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be \
     formed as a mix of letters, numbers and the following 3 symbols .-_";

pub(crate) fn validation(message: impl Into<String>) -> Error {
    Error::client("ValidationException", message)
}

/// A value that asks for what is not built.
pub(crate) fn unsupported(what: &str) -> Error {
    let message = format!("Gantry does not support {what} yet.");
    Error::client("UnsupportedFeatureException", message)
}

pub(crate) fn bad_name() -> Error {
    validation(format!(
        "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). {NAME_RULE}"
    ))
}

pub(crate) fn reserved_prefix() -> Error {
    validation("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive).")
}

pub(crate) fn reserved_path(name: &str) -> Error {
    Error::client(
        "AccessDeniedException",
        format!("No access to reserved parameter name: {name}."),
    )
}

pub(crate) fn too_deep() -> Error {
    errors::hierarchy_level_limit_exceeded_exception(
        "A parameter hierarchy can have at most 15 levels.",
    )
}

pub(crate) fn bad_path() -> Error {
    validation(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \
         \"/\". It can't be prefixed with \\\"aws\\\" or \\\"ssm\\\" (case-insensitive). It must use only letters, numbers, \
         or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All \
         sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.",
    )
}

pub(crate) fn not_found(name: &str) -> Error {
    errors::parameter_not_found(format!("Parameter {name} not found."))
}

pub(crate) fn version_not_found(name: &str, what: &str) -> Error {
    errors::parameter_version_not_found(format!(
        "Systems Manager could not find {what} of {name}. Verify the version and try again."
    ))
}

pub(crate) fn bad_token() -> Error {
    errors::invalid_next_token("The specified token is not valid.")
}

/// The vault says no more than its kind to the log, and nothing to the client.
pub(crate) fn vault_failed(error: &VaultError) -> Error {
    tracing::error!(%error, "the vault failed a request");
    errors::internal_server_error("An error occurred on the server side.")
}
