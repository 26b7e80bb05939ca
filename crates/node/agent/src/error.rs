//! Why an agent cannot go on.

use std::io;

/// Ends [`crate::run`]. Everything that may pass by itself is waited for instead.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("the agent's state: {0}")]
    State(#[from] state::StateError),
    #[error("the agent's state: {0}")]
    Engine(#[from] state::EngineError),
    #[error("the node's network: {0}")]
    Network(#[from] network::NetworkError),
    #[error("the runtime: {0}")]
    Runtime(#[from] runtime::RuntimeError),
    #[error("{0}")]
    Client(#[from] client::Error),
    #[error(
        "this node has no credentials yet: start it with credentials that may join it (on the server's machine they \
         are in its data directory)"
    )]
    NoCredentials,
    #[error("the server answered {operation} without {member}")]
    Incomplete {
        operation: &'static str,
        member: &'static str,
    },
}

impl AgentError {
    pub(crate) fn file(path: &std::path::Path, source: io::Error) -> Self {
        Self::File {
            path: path.display().to_string(),
            source,
        }
    }
}
