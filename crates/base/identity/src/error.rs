//! Why a request is not believed, in AWS's words; and what can go wrong with keys on disk.

use std::path::PathBuf;

use crate::AmzDate;

/// A request whose signature was refused. `Display` is the message that AWS services answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("Missing Authentication Token")]
    Missing,
    #[error("{0}")]
    Incomplete(String),
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    #[error(
        "Signature expired: {signed} is now earlier than {earliest} ({now} - {minutes} min.)",
        minutes = limits::SIGNATURE_SKEW_SECONDS / 60
    )]
    Expired {
        signed: AmzDate,
        earliest: AmzDate,
        now: AmzDate,
    },
    #[error("Signature expired: {expired} is now earlier than {now}")]
    PresignedExpired { expired: AmzDate, now: AmzDate },
    #[error(
        "Signature not yet current: {signed} is still later than {latest} ({now} + {minutes} min.)",
        minutes = limits::SIGNATURE_SKEW_SECONDS / 60
    )]
    NotYetCurrent {
        signed: AmzDate,
        latest: AmzDate,
        now: AmzDate,
    },
    /// The credential scope, or what the signature covers, does not fit the request.
    #[error("{0}")]
    Scope(String),
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl SignatureError {
    /// The error code of the JSON protocols.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::Expired { .. }
            | Self::PresignedExpired { .. }
            | Self::NotYetCurrent { .. }
            | Self::Scope(_)
            | Self::Mismatch => "InvalidSignatureException",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{} does not hold credentials ({reason}); remove it and start again to have new ones made",
        path.display()
    )]
    Malformed { path: PathBuf, reason: String },
}

impl From<SignatureError> for wire::Error {
    fn from(error: SignatureError) -> Self {
        wire::Error::client(error.code(), error.to_string())
    }
}
