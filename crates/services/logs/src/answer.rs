//! Refusals in AWS's words.

use api_logs::errors;
use log_filter::FilterPatternError;
use log_store::LogStoreError;
use wire::Error;

pub(crate) fn store_error(error: LogStoreError) -> Error {
    match error {
        LogStoreError::GroupExists => {
            errors::resource_already_exists_exception("The specified log group already exists")
        }
        LogStoreError::StreamExists => {
            errors::resource_already_exists_exception("The specified log stream already exists")
        }
        LogStoreError::GroupNotFound => {
            errors::resource_not_found_exception("The specified log group does not exist.")
        }
        LogStoreError::StreamNotFound => {
            errors::resource_not_found_exception("The specified log stream does not exist.")
        }
        LogStoreError::Overloaded => Error::client("ThrottlingException", "Rate exceeded"),
        LogStoreError::Failed(_) | LogStoreError::File { .. } | LogStoreError::Damaged { .. } => {
            tracing::error!(%error, "the log store failed a request");
            errors::service_unavailable_exception("The log store is not available.")
        }
    }
}

/// One violated constraint, as AWS's generic validation says it.
pub(crate) fn violation(value: &str, member: &str, constraint: &str) -> Error {
    errors::invalid_parameter_exception(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

pub(crate) fn pattern_error(error: FilterPatternError) -> Error {
    errors::invalid_parameter_exception(error.to_string())
}

/// A value that asks for what is not built.
pub(crate) fn unsupported(what: &str) -> Error {
    let message = format!("Gantry does not support {what} yet.");
    Error::client("UnsupportedFeatureException", message)
}
