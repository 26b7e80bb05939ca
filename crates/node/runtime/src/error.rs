//! What can go wrong, typed so that the agent can word ECS's reasons (`CannotPullContainerError: …`).

use std::io;

/// Why an image could not be pulled. The texts follow containerd's, which Fargate shows behind
/// `CannotPullContainerError: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    #[error("failed to parse reference {reference:?}: {reason}")]
    InvalidReference { reference: String, reason: String },
    #[error("failed to resolve ref {reference}: {reference}: not found")]
    NotFound { reference: String },
    #[error(
        "failed to resolve ref {reference}: pull access denied, repository does not exist or may require authorization: {reason}"
    )]
    Unauthorized { reference: String, reason: String },
    #[error("failed to resolve ref {reference}: failed to do request: {reason}")]
    Unreachable { reference: String, reason: String },
    #[error("image Manifest does not contain descriptor matching platform '{platform}'")]
    NoMatchingPlatform { reference: String, platform: String },
    #[error("failed to verify {what}: expected {expected}, got {actual}")]
    DigestMismatch {
        what: String,
        expected: String,
        actual: String,
    },
    #[error("failed to extract layer {layer}: {reason}")]
    Unpack { layer: String, reason: String },
    #[error(
        "failed to extract layer {layer}: no space left on device: the file system of {path} has no free {what}"
    )]
    NoSpace {
        layer: String,
        path: String,
        what: &'static str,
    },
    #[error("the image has {layers} layers, more than the {limit} that can be mounted")]
    TooManyLayers { layers: usize, limit: usize },
    #[error("failed to resolve ref {reference}: unexpected answer of the registry: {reason}")]
    Registry { reference: String, reason: String },
    #[error("{path}: {reason}")]
    Disk { path: String, reason: String },
}

/// Why a container could not be made (`CannotCreateContainerError: …`).
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("No such image: {0}")]
    NoSuchImage(String),
    #[error("invalid container specification: {0}")]
    InvalidSpec(String),
    #[error("{path}: {source}")]
    Disk { path: String, source: io::Error },
    #[error("control group: {0}")]
    ControlGroup(String),
}

/// Why a container could not be started (`CannotStartContainerError: …`).
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    #[error("container {0} was started before")]
    AlreadyStarted(String),
    #[error("cannot run the shim: {0}")]
    Shim(String),
    /// The program is not in the image or may not be executed; the text is the one of OCI runtimes.
    #[error("failed to create task for container: {0}")]
    Executable(String),
    #[error("failed to create task for container: {0}")]
    Container(String),
}

/// Why a command could not be run in a container.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    #[error("container {0} is not running")]
    NotRunning(String),
    #[error("cannot run the shim: {0}")]
    Shim(String),
    #[error("{0}")]
    Command(String),
}

/// Everything else.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    #[error("Invalid signal: {0}")]
    InvalidSignal(String),
    #[error("container {id} cannot be removed: {reason}")]
    Busy { id: String, reason: String },
    #[error("{path}: {source}")]
    Disk { path: String, source: io::Error },
}

/// An error with its causes, each said once: the outermost often says little.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
