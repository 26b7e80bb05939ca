//! The verifying side. A request passes when it names a key we know, is dated near our clock, is
//! scoped to this region and service, and its signature is the one we compute ourselves.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use clock::UnixMillis;
use http::HeaderMap;
use limits::{PRESIGNED_EXPIRES_MAX_SECONDS, SIGNATURE_SKEW_SECONDS};

use crate::canonical::{
    ALGORITHM, UNSIGNED_PAYLOAD, canonical_request, hex, query_parameters, string_to_sign,
};
use crate::signing_key::{SigningKeyCache, derive};
use crate::{AccessKeyRecord, AmzDate, FindAccessKey, Payload, SignatureError, SignedRequest};

/// What a request must be scoped to.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub region: &'a str,
    /// The signing name of the service that the request addresses.
    pub service: &'a str,
    /// The service has no regions: what is signed for `us-east-1` is good too.
    pub is_global: bool,
}

const GLOBAL_REGION: &str = "us-east-1";

#[derive(Debug, Clone)]
pub struct Verified {
    pub key: Arc<AccessKeyRecord>,
}

pub struct Verifier {
    keys: Arc<dyn FindAccessKey>,
    signing_keys: SigningKeyCache,
}

impl Verifier {
    pub fn new(keys: Arc<dyn FindAccessKey>) -> Self {
        Self {
            keys,
            signing_keys: SigningKeyCache::default(),
        }
    }

    pub fn verify(
        &self,
        request: &SignedRequest<'_>,
        expected: Expected<'_>,
        now: UnixMillis,
    ) -> Result<Verified, SignatureError> {
        let claim = Claim::of(request)?;
        let scope = claim.scope(expected)?;
        claim.check_covered(request.headers)?;
        claim.check_time(now)?;
        let token = claim.session_token.as_deref();
        let key = self
            .keys
            .find_access_key(scope.access_key_id)
            .or_else(|| self.keys.open_session(scope.access_key_id, token?))
            .ok_or(SignatureError::UnknownKey)?;
        check_token(&key, token)?;

        let payload_hash = payload_hash(request)?;
        let canonical =
            canonical_request(request, &claim.signed_headers, &payload_hash, scope.service);
        // `Credential` is key id, slash, scope.
        let scope_text = &claim.credential[scope.access_key_id.len() + 1..];
        let message = string_to_sign(&claim.date_text, scope_text, &canonical);
        let secret = &key.secret_access_key;
        let tag = self.signing_keys.sign(
            &claim.credential,
            secret,
            || derive(secret, scope.day, scope.region, scope.service),
            &message,
        );
        let ours = hex(tag.as_ref());
        verify_slices_are_equal(ours.as_bytes(), claim.signature.as_bytes())
            .map_err(|_| SignatureError::Mismatch)?;
        // Said only to who proved to hold the key.
        if key.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(SignatureError::ExpiredToken);
        }
        Ok(Verified { key })
    }
}

/// What a request says of its own signature.
#[derive(Debug)]
struct Claim {
    credential: String,
    signed_headers: String,
    signature: String,
    date: AmzDate,
    date_text: String,
    session_token: Option<String>,
    /// Of a presigned request.
    expires_seconds: Option<i64>,
}

struct Scope<'a> {
    access_key_id: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
}

impl Claim {
    fn of(request: &SignedRequest<'_>) -> Result<Self, SignatureError> {
        match header(request.headers, "authorization") {
            Some(authorization) => Self::of_header(authorization, request.headers),
            None => Self::of_query(request.query),
        }
    }

    fn of_header(authorization: &str, headers: &HeaderMap) -> Result<Self, SignatureError> {
        let (algorithm, parameters) = authorization
            .trim()
            .split_once(' ')
            .unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            return Err(unsupported_algorithm(algorithm));
        }
        let parameter = |wanted: &str| {
            parameters
                .split(',')
                .filter_map(|pair| pair.trim().split_once('='))
                .find(|(name, value)| *name == wanted && !value.is_empty())
                .map(|(_, value)| value.to_owned())
        };
        let date_text = header(headers, "x-amz-date").or_else(|| header(headers, "date"));
        let (credential, signed_headers) = (parameter("Credential"), parameter("SignedHeaders"));
        let signature = parameter("Signature");
        let mut missing = String::new();
        for (present, name) in [
            (credential.is_some(), "Credential"),
            (signature.is_some(), "Signature"),
            (signed_headers.is_some(), "SignedHeaders"),
        ] {
            if !present {
                missing.push_str(&format!(
                    "Authorization header requires '{name}' parameter. "
                ));
            }
        }
        if date_text.is_none() {
            missing.push_str(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
            );
        }
        let (Some(credential), Some(signed_headers), Some(signature), Some(date_text)) =
            (credential, signed_headers, signature, date_text)
        else {
            // AWS repeats the header here; a signature in an error text helps nobody.
            return Err(SignatureError::Incomplete(missing.trim_end().to_owned()));
        };
        Ok(Self {
            credential,
            signed_headers: signed_headers.to_ascii_lowercase(),
            signature,
            date: parse_date(date_text)?,
            date_text: date_text.to_owned(),
            session_token: header(headers, "x-amz-security-token").map(str::to_owned),
            expires_seconds: None,
        })
    }

    fn of_query(query: &str) -> Result<Self, SignatureError> {
        if !query.contains("X-Amz-") {
            return Err(SignatureError::Missing);
        }
        let parameters: Vec<(Vec<u8>, Vec<u8>)> = query_parameters(query).collect();
        let parameter = |wanted: &str| {
            parameters
                .iter()
                .find(|(name, value)| name == wanted.as_bytes() && !value.is_empty())
                .and_then(|(_, value)| String::from_utf8(value.clone()).ok())
        };
        let required = |name: &str| {
            parameter(name).ok_or_else(|| {
                SignatureError::Incomplete(format!(
                    "AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
                ))
            })
        };
        let algorithm = parameter("X-Amz-Algorithm").ok_or(SignatureError::Missing)?;
        if algorithm != ALGORITHM {
            return Err(unsupported_algorithm(&algorithm));
        }
        let date_text = required("X-Amz-Date")?;
        let expires_seconds = parameter("X-Amz-Expires")
            .map(|text| {
                text.parse::<i64>()
                    .ok()
                    .filter(|seconds| (0..=PRESIGNED_EXPIRES_MAX_SECONDS).contains(seconds))
                    .ok_or_else(|| {
                        SignatureError::Incomplete(format!(
                            "X-Amz-Expires must be a number of seconds up to {PRESIGNED_EXPIRES_MAX_SECONDS}"
                        ))
                    })
            })
            .transpose()?;
        Ok(Self {
            credential: required("X-Amz-Credential")?,
            signed_headers: required("X-Amz-SignedHeaders")?.to_ascii_lowercase(),
            signature: required("X-Amz-Signature")?,
            date: parse_date(&date_text)?,
            date_text,
            session_token: parameter("X-Amz-Security-Token"),
            expires_seconds: Some(expires_seconds.unwrap_or(SIGNATURE_SKEW_SECONDS)),
        })
    }

    fn scope(&self, expected: Expected<'_>) -> Result<Scope<'_>, SignatureError> {
        let parts: Vec<&str> = self.credential.split('/').collect();
        let [access_key_id, day, region, service, terminator] = parts[..] else {
            return Err(SignatureError::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                self.credential
            )));
        };
        let refused = |text: String| Err(SignatureError::Scope(text));
        if terminator != "aws4_request" {
            return refused(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
            ));
        }
        if service != expected.service {
            return refused(format!(
                "Credential should be scoped to correct service: '{}'.",
                expected.service
            ));
        }
        // Services without regions are signed for the first one wherever they are.
        let is_global = expected.is_global && region == GLOBAL_REGION;
        if region != expected.region && !is_global {
            return refused(format!(
                "Credential should be scoped to a valid region, not '{region}'. This endpoint serves '{}'.",
                expected.region
            ));
        }
        let day_of_date = self.date.day();
        if day != day_of_date {
            return refused(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != \
                 '{day_of_date}', from '{}'.",
                self.date_text
            ));
        }
        Ok(Scope {
            access_key_id,
            day,
            region,
            service,
        })
    }

    /// What must not change on the way has to be under the signature.
    fn check_covered(&self, headers: &HeaderMap) -> Result<(), SignatureError> {
        let signed = |wanted: &str| self.signed_headers.split(';').any(|name| name == wanted);
        if !signed("host") {
            return Err(SignatureError::Scope(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
            ));
        }
        let unsigned_payload = header(headers, "x-amz-content-sha256") == Some(UNSIGNED_PAYLOAD);
        let required = [
            ("x-amz-target", headers.contains_key("x-amz-target")),
            ("x-amz-content-sha256", unsigned_payload),
        ];
        match required.iter().find(|(name, has)| *has && !signed(name)) {
            Some((name, _)) => Err(SignatureError::Scope(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Authorization."
            ))),
            None => Ok(()),
        }
    }

    fn check_time(&self, now: UnixMillis) -> Result<(), SignatureError> {
        let now = AmzDate::from_unix_seconds(now.as_seconds());
        let moved = |seconds: i64| AmzDate::from_unix_seconds(now.unix_seconds + seconds);
        let (earliest, latest) = (
            moved(-SIGNATURE_SKEW_SECONDS),
            moved(SIGNATURE_SKEW_SECONDS),
        );
        let signed = self.date;
        if signed > latest {
            return Err(SignatureError::NotYetCurrent {
                signed,
                latest,
                now,
            });
        }
        match self.expires_seconds {
            Some(seconds) => {
                let expired = AmzDate::from_unix_seconds(signed.unix_seconds + seconds);
                if expired < now {
                    return Err(SignatureError::PresignedExpired { expired, now });
                }
            }
            None if signed < earliest => {
                return Err(SignatureError::Expired {
                    signed,
                    earliest,
                    now,
                });
            }
            None => {}
        }
        Ok(())
    }
}

fn check_token(key: &AccessKeyRecord, sent: Option<&str>) -> Result<(), SignatureError> {
    let matches = match (&key.session_token, sent) {
        (None, None) => true,
        (Some(ours), Some(sent)) => {
            verify_slices_are_equal(ours.as_bytes(), sent.as_bytes()).is_ok()
        }
        _ => false,
    };
    if matches {
        Ok(())
    } else {
        Err(SignatureError::UnknownKey)
    }
}

/// The hash is computed from the body itself. What the request says of it matters only where it
/// says that it hashed nothing; a wrong hash makes another signature, and so a mismatch.
fn payload_hash(request: &SignedRequest<'_>) -> Result<String, SignatureError> {
    match (
        header(request.headers, "x-amz-content-sha256"),
        request.payload,
    ) {
        (Some(UNSIGNED_PAYLOAD), _) | (_, Payload::Unsigned) => Ok(UNSIGNED_PAYLOAD.to_owned()),
        (Some(streaming), _) if streaming.starts_with("STREAMING-") => {
            Err(SignatureError::Scope(format!(
                "'{streaming}' is a payload form of Amazon S3, which this service does not take."
            )))
        }
        (_, payload) => Ok(payload.hash()),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn parse_date(text: &str) -> Result<AmzDate, SignatureError> {
    AmzDate::parse(text).ok_or_else(|| {
        SignatureError::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    })
}

fn unsupported_algorithm(algorithm: &str) -> SignatureError {
    // Never the whole header: of a Basic authorization that would be the password.
    SignatureError::Incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'."))
}
