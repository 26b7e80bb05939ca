//! Signatures: any claim is refused or was made with the key; what we sign ourselves is always believed.
#![no_main]

use std::sync::{Arc, LazyLock};

use clock::UnixMillis;
use gantry_fuzz::text::TextRequest;
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use identity::{
    AccessKeyRecord, AccessKeys, Credentials, Expected, Payload, SignedRequest, SigningScope,
    Verifier, presign, sign,
};
use libfuzzer_sys::fuzz_target;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const EXPECTED: Expected<'static> = Expected {
    is_global: false,
    region: "us-east-1",
    service: "ecs",
};
static CREDENTIALS: LazyLock<Credentials> =
    LazyLock::new(|| Credentials::new("AKIAFUZZ", "a secret"));
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = AccessKeyRecord::root(&CREDENTIALS, "123456789012", NOW);
    Verifier::new(Arc::new(AccessKeys::fixed([key])))
});

fuzz_target!(|data: &[u8]| {
    let Some(mut text) = TextRequest::parse(data) else {
        return;
    };
    let refused = VERIFIER.verify(&signed(&text), EXPECTED, NOW);
    assert!(refused.is_err(), "a signature out of nothing");

    for name in [
        "authorization",
        "date",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
    ] {
        text.headers.remove(name);
    }
    if text.query.contains("X-Amz-") {
        return;
    }
    text.headers
        .insert(HOST, HeaderValue::from_static("gantry"));
    let scope = SigningScope {
        region: "us-east-1",
        service: "ecs",
        time: NOW,
    };
    let query = presign(&signed(&text), &CREDENTIALS, scope, 60);
    let presigned = SignedRequest {
        query: &query,
        ..signed(&text)
    };
    let believed = VERIFIER.verify(&presigned, EXPECTED, NOW);
    // A presigned request signs its host only, and a target has to be signed.
    if !text.headers.contains_key("x-amz-target") {
        believed.expect("our own presigned request");
    }

    let added = sign(&signed(&text), &CREDENTIALS, scope);
    text.headers
        .extend(added.into_iter().map(|(name, value)| (Some(name), value)));
    assert!(text.headers.contains_key(AUTHORIZATION));
    VERIFIER
        .verify(&signed(&text), EXPECTED, NOW)
        .expect("our own signature");
});

fn signed<'a>(text: &'a TextRequest<'a>) -> SignedRequest<'a> {
    SignedRequest {
        method: text.method.as_str(),
        path: text.path,
        query: text.query,
        headers: &text.headers,
        payload: Payload::Bytes(text.body),
    }
}
