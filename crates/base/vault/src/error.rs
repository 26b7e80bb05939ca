//! What can go wrong. No variant carries anything secret.

use std::path::PathBuf;

use state::StateError;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is not a root key file: {reason}", path.display())]
    Malformed { path: PathBuf, reason: &'static str },
    #[error(
        "the state holds secrets under root key {root_key_id}, which is not in {}: copy the file there from the server \
         that made them",
        path.display()
    )]
    RootKeyMissing { path: PathBuf, root_key_id: String },
    #[error("the data key {data_key_id} is not in the state")]
    DataKeyMissing { data_key_id: String },
    #[error("a sealed value does not open: it was changed, or belongs elsewhere")]
    NotAuthentic,
    #[error(transparent)]
    State(#[from] StateError),
}
