//! Why a request is refused, before it becomes an error of the API.

use wire::Error;

/// A refusal, with the words that the caller reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Client(String),
    #[error("{0}")]
    InvalidParameter(String),
    /// AWS would take it; Gantry does not yet.
    #[error("{0}")]
    Unsupported(String),
}

impl Refusal {
    pub fn client(message: impl Into<String>) -> Self {
        Self::Client(message.into())
    }

    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::InvalidParameter(message.into())
    }

    /// Names the field, as every refusal of something that Gantry does not have yet must.
    pub fn unsupported_field(field: &str, why: &str) -> Self {
        Self::Unsupported(format!("Gantry does not support {field} yet: {why}."))
    }

    pub fn message(&self) -> &str {
        match self {
            Self::Client(message)
            | Self::InvalidParameter(message)
            | Self::Unsupported(message) => message,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // ClientException is in the model of every operation; UnsupportedFeatureException is in few, and a client
            // with typed errors should be able to catch a refusal.
            Refusal::Client(message) | Refusal::Unsupported(message) => {
                api_ecs::errors::client_exception(message)
            }
            Refusal::InvalidParameter(message) => {
                api_ecs::errors::invalid_parameter_exception(message)
            }
        }
    }
}
