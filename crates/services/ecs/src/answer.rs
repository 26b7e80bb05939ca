//! How operations end: with what is durable, or with an error whose grounds are.

use state::{Committed, StateError, Tx};

use crate::Ecs;

/// What stops a transaction of an operation.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The answer to the client.
    Api(wire::Error),
    State(StateError),
}

impl From<wire::Error> for Refusal {
    fn from(error: wire::Error) -> Self {
        Self::Api(error)
    }
}

impl From<ecs_rules::Refusal> for Refusal {
    fn from(refusal: ecs_rules::Refusal) -> Self {
        Self::Api(refusal.into())
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
pub(crate) fn state_error(error: &StateError) -> wire::Error {
    match error {
        StateError::Overloaded { .. } => {
            wire::Error::client("ThrottlingException", "Rate exceeded")
        }
        StateError::TooLarge { .. } => api_ecs::errors::client_exception(error.to_string()),
        StateError::Full { .. } => api_ecs::errors::server_exception(
            "The server's disk is full: nothing can be changed until there is room. What was acknowledged is kept, and reads go on.",
        ),
        _ => {
            tracing::error!(%error, "the store failed a request");
            api_ecs::errors::server_exception("The state store is not available.")
        }
    }
}

impl Ecs {
    /// Runs a transaction and gives its value once it is durable. An error waits too: what it was decided on may
    /// not be durable yet, and an answer must never rest on what a crash could take back.
    pub(crate) async fn transact<T>(
        &self,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, Refusal>,
    ) -> Result<T, wire::Error> {
        self.settle(self.store.transact(body)).await
    }

    /// Reads the head and gives the value once what it shows is durable.
    pub(crate) async fn look<T>(
        &self,
        body: impl FnOnce(&state::Head) -> Result<T, wire::Error>,
    ) -> Result<T, wire::Error> {
        let looked = self.store.read(body);
        looked
            .durable()
            .await
            .map_err(|error| state_error(&error))?
    }

    async fn settle<T>(&self, result: Result<Committed<T>, Refusal>) -> Result<T, wire::Error> {
        match result {
            Ok(committed) => committed
                .durable()
                .await
                .map_err(|error| state_error(&error)),
            Err(refusal) => {
                self.store
                    .barrier()
                    .await
                    .map_err(|error| state_error(&error))?;
                Err(refusal.into())
            }
        }
    }
}
