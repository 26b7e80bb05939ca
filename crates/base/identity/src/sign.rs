//! The signing side: header form and presigned query form.

use aws_lc_rs::hmac;
use clock::UnixMillis;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};

use crate::canonical::{
    ALGORITHM, SIGNATURE_PARAMETER, canonical_request, hex, push_encoded, string_to_sign,
};
use crate::signing_key::derive;
use crate::{AmzDate, Credentials, SignedRequest};

/// What a signature is good for.
#[derive(Debug, Clone, Copy)]
pub struct SigningScope<'a> {
    pub region: &'a str,
    pub service: &'a str,
    pub time: UnixMillis,
}

/// Headers that change between the signer and the server, or that the HTTP library adds later.
const UNSIGNED_HEADERS: [&str; 6] = [
    "authorization",
    "connection",
    "expect",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// The headers to add to `request`, which must hold its `Host` already and no signature of before.
pub fn sign(
    request: &SignedRequest<'_>,
    credentials: &Credentials,
    scope: SigningScope<'_>,
) -> Vec<(HeaderName, HeaderValue)> {
    let date = AmzDate::from_unix_seconds(scope.time.as_seconds());
    let date_text = date.to_string();
    let mut added = vec![(
        HeaderName::from_static("x-amz-date"),
        header_value(&date_text),
    )];
    if let Some(token) = &credentials.session_token {
        let name = HeaderName::from_static("x-amz-security-token");
        added.push((name, header_value(token)));
    }
    let payload_hash = request.payload.hash();
    if payload_hash == crate::canonical::UNSIGNED_PAYLOAD {
        let name = HeaderName::from_static("x-amz-content-sha256");
        added.push((name, header_value(&payload_hash)));
    }
    let mut headers = request.headers.clone();
    headers.extend(added.iter().cloned());
    let request = &SignedRequest {
        headers: &headers,
        ..*request
    };

    let mut names: Vec<&str> = headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| !UNSIGNED_HEADERS.contains(name))
        .collect();
    names.sort_unstable();
    let signed_headers = names.join(";");
    let scope_text = scope.text(&date);
    let canonical = canonical_request(request, &signed_headers, &payload_hash, scope.service);
    let signature = scope.signature(credentials, &date, &scope_text, &canonical);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope_text}, SignedHeaders={signed_headers}, Signature={signature}",
        credentials.access_key_id
    );
    added.push((AUTHORIZATION, header_value(&authorization)));
    added
}

/// The query to send in place of `request.query`; only `Host` is signed of the headers.
pub fn presign(
    request: &SignedRequest<'_>,
    credentials: &Credentials,
    scope: SigningScope<'_>,
    expires_seconds: u32,
) -> String {
    let date = AmzDate::from_unix_seconds(scope.time.as_seconds());
    let scope_text = scope.text(&date);
    let signed_headers = HOST.as_str();
    let mut query = request.query.to_owned();
    let credential = format!("{}/{scope_text}", credentials.access_key_id);
    let expires = expires_seconds.to_string();
    let date_text = date.to_string();
    let mut push = |name: &str, value: &str| {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        push_encoded(&mut query, value.as_bytes(), false);
    };
    push("X-Amz-Algorithm", ALGORITHM);
    push("X-Amz-Credential", &credential);
    push("X-Amz-Date", &date_text);
    push("X-Amz-Expires", &expires);
    push("X-Amz-SignedHeaders", signed_headers);
    if let Some(token) = &credentials.session_token {
        push("X-Amz-Security-Token", token);
    }
    let signed = SignedRequest {
        query: &query,
        ..*request
    };
    let hash = request.payload.hash();
    let canonical = canonical_request(&signed, signed_headers, &hash, scope.service);
    let signature = scope.signature(credentials, &date, &scope_text, &canonical);
    format!("{query}&{SIGNATURE_PARAMETER}={signature}")
}

impl SigningScope<'_> {
    fn text(&self, date: &AmzDate) -> String {
        format!(
            "{}/{}/{}/aws4_request",
            date.day(),
            self.region,
            self.service
        )
    }

    fn signature(
        &self,
        credentials: &Credentials,
        date: &AmzDate,
        scope_text: &str,
        canonical: &str,
    ) -> String {
        let secret = &credentials.secret_access_key;
        let key = derive(secret, &date.day(), self.region, self.service);
        let message = string_to_sign(&date.to_string(), scope_text, canonical);
        hex(hmac::sign(&key, message.as_bytes()).as_ref())
    }
}

/// What is signed is made of key ids, dates and hashes; a token with control characters would be
/// no token, and is sent as nothing, which the server refuses.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
