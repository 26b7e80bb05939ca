//! The errors of an API, and those of reading its messages.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::{AnyShape, ErrorTraits, Fault};

/// An error as the client sees it. Generated constructors make them: `api_ecs::errors::client_exception("…")`.
#[derive(Clone)]
pub struct Error {
    /// The short name, such as `ClusterNotFoundException`.
    pub code: Cow<'static, str>,
    pub message: String,
    pub status: u16,
    pub fault: Fault,
    /// The code under which the Query protocol knows this error, where it differs.
    pub query_code: Option<&'static str>,
    /// `message` or `Message`, as the error's shape has it.
    pub message_member: &'static str,
    /// Members besides the message.
    pub details: Option<Arc<dyn AnyShape>>,
}

impl Error {
    pub fn client(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Error {
            code: code.into(),
            message: message.into(),
            status: 400,
            fault: Fault::Client,
            query_code: None,
            message_member: "message",
            details: None,
        }
    }

    /// Something is wrong with us, not with the request.
    pub fn internal(message: impl Into<String>) -> Self {
        Error {
            status: 500,
            fault: Fault::Server,
            ..Error::client("InternalFailure", message)
        }
    }

    /// For generated constructors.
    pub fn modelled(name: &'static str, traits: ErrorTraits, message: impl Into<String>) -> Self {
        Error {
            code: Cow::Borrowed(name),
            message: message.into(),
            status: traits.status,
            fault: traits.fault,
            query_code: (traits.code != name).then_some(traits.code),
            message_member: traits.message_member,
            details: None,
        }
    }

    pub fn with_details(self, details: impl AnyShape) -> Self {
        Error {
            details: Some(Arc::new(details)),
            ..self
        }
    }

    pub fn with_status(self, status: u16) -> Self {
        Error { status, ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} ({}): {}",
            self.code, self.status, self.message
        )
    }
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code && self.message == other.message && self.status == other.status
    }
}

impl std::error::Error for Error {}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Error::client("SerializationException", error.message)
    }
}

/// A body that is not what its schema says, in the words that AWS's front ends use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    pub message: String,
}

impl DecodeError {
    pub fn new(message: impl Into<String>) -> Self {
        DecodeError {
            message: message.into(),
        }
    }

    pub(crate) fn wrong_type(found: &str, wanted: &str) -> Self {
        DecodeError::new(format!("{found} cannot be converted to {wanted}"))
    }
}
