//! The canonical request: one spelling of a request that signer and verifier agree on.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
pub(crate) const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// A request as it is on the wire, in the parts that a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    pub method: &'a str,
    /// As sent, percent-encoding and all.
    pub path: &'a str,
    /// As sent, without the question mark; empty when there is none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub payload: Payload<'a>,
}

#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    Bytes(&'a [u8]),
    /// The sender does not hash the body; for bodies that are streamed.
    Unsigned,
}

impl Payload<'_> {
    pub(crate) fn hash(&self) -> String {
        match self {
            Payload::Bytes(bytes) => sha256_hex(bytes),
            Payload::Unsigned => UNSIGNED_PAYLOAD.to_owned(),
        }
    }
}

/// How a service wants its path spelled. Everything but S3 normalises the path and encodes once
/// more what is already encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathStyle {
    NormalizedTwiceEncoded,
    AsIs,
}

/// `signed_headers` is the list as the signature names it, `;` between.
pub(crate) fn canonical_request(
    request: &SignedRequest<'_>,
    signed_headers: &str,
    payload_hash: &str,
    service: &str,
) -> String {
    let style = if service == "s3" {
        PathStyle::AsIs
    } else {
        PathStyle::NormalizedTwiceEncoded
    };
    let mut text = String::with_capacity(512);
    text.push_str(request.method);
    text.push('\n');
    push_path(&mut text, request.path, style);
    text.push('\n');
    push_query(&mut text, request.query);
    text.push('\n');
    for name in signed_headers.split(';') {
        text.push_str(name);
        text.push(':');
        push_header_values(&mut text, request.headers, name);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(signed_headers);
    text.push('\n');
    text.push_str(payload_hash);
    text
}

/// `scope` is `day/region/service/aws4_request`.
pub(crate) fn string_to_sign(date: &str, scope: &str, canonical_request: &str) -> String {
    let mut text = String::with_capacity(160);
    text.push_str(ALGORITHM);
    for part in [date, scope] {
        text.push('\n');
        text.push_str(part);
    }
    text.push('\n');
    text.push_str(&sha256_hex(canonical_request.as_bytes()));
    text
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex_digit(&mut text, byte >> 4);
        push_hex_digit(&mut text, byte & 15);
    }
    text
}

/// The query's parameters, decoded, in the order sent.
pub(crate) fn query_parameters(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(name, true), percent_decode(value, true))
        })
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub(crate) fn push_encoded(text: &mut String, bytes: &[u8], keep_slash: bool) {
    for &byte in bytes {
        let kept = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'~')
            || (keep_slash && byte == b'/');
        if kept {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
}

fn push_hex_digit(text: &mut String, digit: u8) {
    text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
}

fn push_path(text: &mut String, path: &str, style: PathStyle) {
    match style {
        PathStyle::AsIs => {
            let decoded = percent_decode(if path.is_empty() { "/" } else { path }, false);
            push_encoded(text, &decoded, true);
        }
        // The common case of every JSON and Query API.
        PathStyle::NormalizedTwiceEncoded if path == "/" || path.is_empty() => text.push('/'),
        PathStyle::NormalizedTwiceEncoded => {
            let mut segments: Vec<&str> = Vec::new();
            for segment in path.split('/') {
                match segment {
                    "" | "." => {}
                    ".." => {
                        segments.pop();
                    }
                    other => segments.push(other),
                }
            }
            for segment in &segments {
                text.push('/');
                push_encoded(text, segment.as_bytes(), false);
            }
            let names_a_directory = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
            if segments.is_empty() || names_a_directory {
                text.push('/');
            }
        }
    }
}

fn push_query(text: &mut String, query: &str) {
    let mut pairs: Vec<(String, String)> = query_parameters(query)
        .filter(|(name, _)| name != SIGNATURE_PARAMETER.as_bytes())
        .map(|(name, value)| {
            let mut encoded = (String::new(), String::new());
            push_encoded(&mut encoded.0, &name, false);
            push_encoded(&mut encoded.1, &value, false);
            encoded
        })
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
}

/// All values of a header, trimmed, runs of spaces made one, joined by commas.
fn push_header_values(text: &mut String, headers: &HeaderMap, name: &str) {
    for (index, value) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        for (index, word) in value.split_ascii_whitespace().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
}

/// A `%` that no two hex digits follow stays as it is.
fn percent_decode(text: &str, plus_is_space: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escape = (bytes[index] == b'%')
            .then(|| bytes.get(index + 1..index + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (escape, bytes[index]) {
            (Some(byte), _) => {
                decoded.push(byte);
                index += 3;
            }
            // Go's query encoder writes a space so, and signs it as %20.
            (None, b'+') if plus_is_space => {
                decoded.push(b' ');
                index += 1;
            }
            (None, byte) => {
                decoded.push(byte);
                index += 1;
            }
        }
    }
    decoded
}
