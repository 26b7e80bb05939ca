//! How operations end: with what is durable, or with an error whose grounds are.

use state::{Head, StateError, Store, Tx};

/// What stops a transaction of an operation.
#[derive(Debug)]
pub enum Refusal {
    /// The answer to the client.
    Api(wire::Error),
    State(StateError),
}

impl From<wire::Error> for Refusal {
    fn from(error: wire::Error) -> Self {
        Self::Api(error)
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<Refusal> for wire::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Api(error) => error,
            Refusal::State(error) => state_error(&error),
        }
    }
}

/// A failure of the store as clients see it.
pub fn state_error(error: &StateError) -> wire::Error {
    match error {
        StateError::Overloaded { .. } => {
            wire::Error::client("ThrottlingException", "Rate exceeded")
        }
        StateError::TooLarge { .. } => {
            wire::Error::client("LimitExceededException", error.to_string())
        }
        StateError::Full { .. } => wire::Error::internal(
            "The server's disk is full: nothing can be changed until there is room. What was acknowledged is kept, and reads go on.",
        ),
        _ => {
            tracing::error!(%error, "the store failed a request");
            wire::Error::internal("The state store is not available.")
        }
    }
}

/// Runs a transaction and gives its value once it is durable. An error waits too: what it was decided on may not be
/// durable yet, and an answer must never rest on what a crash could take back.
pub async fn transact<T>(
    store: &Store,
    body: impl FnOnce(&mut Tx<'_>) -> Result<T, Refusal>,
) -> Result<T, wire::Error> {
    let failed = |error: StateError| state_error(&error);
    match store.transact(body) {
        Ok(committed) => committed.durable().await.map_err(failed),
        Err(refusal) => {
            store.barrier().await.map_err(failed)?;
            Err(refusal.into())
        }
    }
}

/// Reads the head and gives the value once what it shows is durable.
pub async fn look<T>(
    store: &Store,
    body: impl FnOnce(&Head) -> Result<T, wire::Error>,
) -> Result<T, wire::Error> {
    let looked = store.read(body);
    looked
        .durable()
        .await
        .map_err(|error| state_error(&error))?
}
