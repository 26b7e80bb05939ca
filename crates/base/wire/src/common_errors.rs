//! The errors that no model has, because AWS's front ends answer them before a service sees the request. Each protocol
//! has its own codes and statuses for them; inside of Gantry they go by the names of AWS JSON.

use std::borrow::Cow;

use crate::{Error, Protocol};

/// Code and status; where AWS says no more than a fixed sentence, that too.
type Spelling = (&'static str, u16, Option<&'static str>);

const NOT_VALIDATED: Option<&str> =
    Some("AWS was not able to validate the provided access credentials");

/// An error of a front end as clients of this protocol know it; any other as it is.
pub(crate) fn in_protocol(error: &Error, protocol: Protocol) -> Cow<'_, Error> {
    let spelling = match protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RpcV2Cbor => None,
        Protocol::RestJson => rest_status(&error.code).map(|status| (None, status, None)),
        Protocol::Query => {
            query(&error.code).map(|(code, status, text)| (Some(code), status, text))
        }
        Protocol::Ec2 => ec2(error).map(|(code, status, text)| (Some(code), status, text)),
    };
    // What came from a model has its own code and status.
    let modelled = error.query_code.is_some() || error.details.is_some();
    match spelling.filter(|_| !modelled) {
        None => Cow::Borrowed(error),
        Some((code, status, text)) => Cow::Owned(Error {
            code: code.map_or_else(|| error.code.clone(), Cow::Borrowed),
            message: text.map_or_else(|| error.message.clone(), str::to_owned),
            status,
            ..error.clone()
        }),
    }
}

fn rest_status(code: &str) -> Option<u16> {
    Some(match code {
        "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException" => 403,
        "UnknownOperationException" => 404,
        "ThrottlingException" => 429,
        _ => return None,
    })
}

fn query(code: &str) -> Option<Spelling> {
    Some(match code {
        "AccessDeniedException" => ("AccessDenied", 403, None),
        "ExpiredTokenException" => ("ExpiredToken", 403, None),
        "IncompleteSignatureException" => ("IncompleteSignature", 400, None),
        "InvalidSignatureException" => ("SignatureDoesNotMatch", 403, None),
        "MissingAuthenticationTokenException" => ("MissingAuthenticationToken", 403, None),
        "UnrecognizedClientException" => ("InvalidClientTokenId", 403, None),
        "SerializationException" => ("MalformedInput", 400, None),
        "ThrottlingException" => ("Throttling", 400, None),
        _ => return None,
    })
}

fn ec2(error: &Error) -> Option<Spelling> {
    Some(match &*error.code {
        "AccessDeniedException" => ("UnauthorizedOperation", 403, None),
        "IncompleteSignatureException" => ("IncompleteSignature", 400, None),
        "MissingAuthenticationTokenException" => ("MissingAuthenticationToken", 403, None),
        "ExpiredTokenException" => ("RequestExpired", 400, Some("Request has expired.")),
        "InvalidSignatureException" if error.message.starts_with("Signature expired") => {
            ("RequestExpired", 400, Some("Request has expired."))
        }
        "InvalidSignatureException" | "UnrecognizedClientException" => {
            ("AuthFailure", 401, NOT_VALIDATED)
        }
        "SerializationException" => ("InvalidParameterValue", 400, None),
        "ThrottlingException" => ("RequestLimitExceeded", 503, None),
        "UnsupportedFeatureException" => ("UnsupportedOperation", 400, None),
        "InternalFailure" => ("InternalError", 500, None),
        _ => return None,
    })
}
