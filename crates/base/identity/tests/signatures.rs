//! Signer and verifier against each other, against AWS's documented examples, and against botocore.

mod vectors;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use clock::UnixMillis;
use http::{HeaderMap, HeaderName, HeaderValue};
use identity::{
    AccessKeyRecord, AccessKeys, AmzDate, Credentials, Expected, Payload, SignatureError,
    SignedRequest, SigningScope, Verifier, presign, sign,
};
use proptest::prelude::*;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
const SERVICE: &str = "ecs";
const NOW: UnixMillis = UnixMillis(1_763_668_800_000);

fn credentials() -> Credentials {
    Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
}

fn verifier() -> Verifier {
    let root = AccessKeyRecord::root(&credentials(), ACCOUNT, NOW);
    let mut session = AccessKeyRecord::mint_for_node("node-1", ACCOUNT, &clock::Clock::system());
    session.access_key_id = "ASIASESSION".into();
    session.secret_access_key = "secret-of-the-session".into();
    session.session_token = Some("token/of+the=session".into());
    session.expires_at = Some(NOW + Duration::from_secs(60));
    Verifier::new(Arc::new(AccessKeys::fixed([root, session])))
}

/// A request that owns its parts, so that a test can change each of them.
#[derive(Debug, Clone)]
struct Owned {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Owned {
    fn post(body: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:4580"));
        headers.insert(
            "x-amz-target",
            HeaderValue::from_static("AmazonEC2ContainerServiceV20141113.RunTask"),
        );
        Self {
            method: "POST".into(),
            path: "/".into(),
            query: String::new(),
            headers,
            body: body.into(),
        }
    }

    fn parts(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            payload: Payload::Bytes(&self.body),
        }
    }

    fn signed_by(mut self, credentials: &Credentials, time: UnixMillis) -> Self {
        let scope = SigningScope {
            region: REGION,
            service: SERVICE,
            time,
        };
        let added = sign(&self.parts(), credentials, scope);
        self.headers.extend(added);
        self
    }

    fn signed(self) -> Self {
        self.signed_by(&credentials(), NOW)
    }

    fn with_header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("header value");
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    fn verify(&self) -> Result<String, SignatureError> {
        self.verify_at(NOW)
    }

    fn verify_at(&self, now: UnixMillis) -> Result<String, SignatureError> {
        let expected = Expected {
            is_global: false,
            region: REGION,
            service: SERVICE,
        };
        verifier()
            .verify(&self.parts(), expected, now)
            .map(|verified| verified.key.access_key_id.clone())
    }

    fn authorization(&self) -> String {
        let value = self.headers.get("authorization").expect("signed");
        value.to_str().expect("text").to_owned()
    }

    fn replace_in_authorization(self, from: &str, to: &str) -> Self {
        let changed = self.authorization().replace(from, to);
        assert_ne!(changed, self.authorization(), "{from} is not there");
        self.with_header("authorization", &changed)
    }
}

fn moment(text: &str) -> UnixMillis {
    UnixMillis(AmzDate::parse(text).expect("date").unix_seconds * 1000)
}

/// The example of the IAM user guide (ListUsers), whose signature is published.
#[test]
fn the_documented_example() {
    let mut headers = HeaderMap::new();
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
    );
    headers.insert("host", HeaderValue::from_static("iam.amazonaws.com"));
    let request = SignedRequest {
        method: "GET",
        path: "/",
        query: "Action=ListUsers&Version=2010-05-08",
        headers: &headers,
        payload: Payload::Bytes(b""),
    };
    let scope = SigningScope {
        region: "us-east-1",
        service: "iam",
        time: moment("20150830T123600Z"),
    };
    let added = sign(&request, &credentials(), scope);
    let authorization = &added.last().expect("authorization").1;
    assert_eq!(
        authorization,
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}

/// `get-vanilla` of AWS's signing test suite.
#[test]
fn the_test_suites_plainest_request() {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("example.amazonaws.com"));
    let request = SignedRequest {
        method: "GET",
        path: "/",
        query: "",
        headers: &headers,
        payload: Payload::Bytes(b""),
    };
    let scope = SigningScope {
        region: "us-east-1",
        service: "service",
        time: moment("20150830T123600Z"),
    };
    let added = sign(&request, &credentials(), scope);
    let authorization = added.last().expect("authorization").1.to_str();
    assert!(
        authorization.expect("text").ends_with(
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        )
    );
}

#[test]
fn a_signed_request_passes_and_tells_whose_key_it_is() {
    assert_eq!(
        Owned::post("{}").signed().verify(),
        Ok("AKIDEXAMPLE".into())
    );
}

#[test]
fn session_tokens() {
    let session = Credentials {
        access_key_id: "ASIASESSION".into(),
        secret_access_key: "secret-of-the-session".into(),
        session_token: Some("token/of+the=session".into()),
    };
    let request = Owned::post("{}").signed_by(&session, NOW);
    assert_eq!(request.verify(), Ok("ASIASESSION".into()));
    let later = NOW + Duration::from_secs(61);
    assert_eq!(request.verify_at(later), Err(SignatureError::ExpiredToken));
    for token in [None, Some("another".to_owned())] {
        let wrong = Credentials {
            session_token: token,
            ..session.clone()
        };
        let request = Owned::post("{}").signed_by(&wrong, NOW);
        assert_eq!(request.verify(), Err(SignatureError::UnknownKey));
    }
    let unexpected = Credentials {
        session_token: Some("token".into()),
        ..credentials()
    };
    let request = Owned::post("{}").signed_by(&unexpected, NOW);
    assert_eq!(request.verify(), Err(SignatureError::UnknownKey));
}

#[test]
fn five_minutes_of_skew_either_way() {
    let request = Owned::post("{}").signed();
    let (five, past) = (Duration::from_secs(300), Duration::from_secs(301));
    assert!(request.verify_at(NOW + five).is_ok());
    assert!(request.verify_at(NOW - five).is_ok());
    let text = |now| request.verify_at(now).expect_err("refused").to_string();
    assert_eq!(
        text(NOW + past),
        "Signature expired: 20251120T200000Z is now earlier than 20251120T200001Z (20251120T200501Z - 5 min.)"
    );
    assert_eq!(
        text(NOW - past),
        "Signature not yet current: 20251120T200000Z is still later than 20251120T195959Z (20251120T195459Z + 5 min.)"
    );
}

#[test]
fn every_kind_of_bad_signature() {
    let plain = Owned::post("{}");
    assert_eq!(plain.verify(), Err(SignatureError::Missing));
    let signed = plain.signed();
    let code = |request: Owned| {
        let error = request.verify().expect_err("refused");
        (error.code(), error.to_string())
    };
    let stranger = Credentials::new("AKIASTRANGER", "secret");
    let cases = [
        (
            Owned::post("{}").signed_by(&stranger, NOW),
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            Owned::post("{}").signed_by(&Credentials::new("AKIDEXAMPLE", "wrong"), NOW),
            "InvalidSignatureException",
            "The request signature we calculated does not match",
        ),
        (
            signed.clone().with_header("authorization", "Bearer secret"),
            "IncompleteSignatureException",
            "Unsupported AWS 'algorithm': 'Bearer'.",
        ),
        (
            signed
                .clone()
                .with_header("authorization", "AWS4-HMAC-SHA256 Credential=a"),
            "IncompleteSignatureException",
            "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            signed.clone().replace_in_authorization("/aws4_request", ""),
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements",
        ),
        (
            signed.clone().replace_in_authorization("/ecs/", "/sqs/"),
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'ecs'.",
        ),
        (
            signed
                .clone()
                .replace_in_authorization("/us-east-1/", "/eu-west-1/"),
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'eu-west-1'.",
        ),
        (
            signed
                .clone()
                .replace_in_authorization("/20251120/", "/20251119/"),
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD",
        ),
        (
            signed.clone().replace_in_authorization("=host;", "="),
            "InvalidSignatureException",
            "'Host' or ':authority' must be a 'SignedHeader'",
        ),
        (
            signed.clone().replace_in_authorization(";x-amz-target", ""),
            "InvalidSignatureException",
            "'x-amz-target' must be a 'SignedHeader'",
        ),
        (
            signed.clone().with_header("x-amz-date", "yesterday"),
            "IncompleteSignatureException",
            "Date must be in ISO-8601 'basic format'. Got 'yesterday'.",
        ),
    ];
    for (request, expected_code, expected_text) in cases {
        let (code, text) = code(request);
        assert_eq!(code, expected_code, "{text}");
        assert!(text.starts_with(expected_text), "{text}");
    }
}

#[test]
fn tampering_with_any_part_fails() {
    let mut original = Owned::post("{\"count\":1}");
    original.path = "/v1/a b".replace(' ', "%20");
    original.query = "b=2&a=1".into();
    let original = original.signed();
    assert!(original.verify().is_ok());
    let changes: [fn(&mut Owned); 7] = [
        |request| request.method = "PUT".into(),
        |request| request.path.push('c'),
        |request| request.query = "b=2&a=2".into(),
        |request| request.query.push_str("&c"),
        |request| request.body = b"{\"count\":2}".to_vec(),
        |request| {
            let other = HeaderValue::from_static("AmazonEC2ContainerServiceV20141113.StopTask");
            request.headers.insert("x-amz-target", other);
        },
        |request| {
            let second = HeaderValue::from_static("other");
            request.headers.append("host", second);
        },
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut changed = original.clone();
        change(&mut changed);
        let result = changed.verify();
        assert_eq!(result, Err(SignatureError::Mismatch), "change {index}");
    }
}

#[test]
fn unsigned_payloads_only_when_the_signature_says_so() {
    let mut request = Owned::post("streamed");
    let scope = SigningScope {
        region: REGION,
        service: SERVICE,
        time: NOW,
    };
    let parts = SignedRequest {
        payload: Payload::Unsigned,
        ..request.parts()
    };
    let added = sign(&parts, &credentials(), scope);
    request.headers.extend(added);
    assert!(request.verify().is_ok());
    request.body = b"another".to_vec();
    assert!(request.verify().is_ok());

    let claimed_later = Owned::post("{}")
        .signed()
        .with_header("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let error = claimed_later.verify().expect_err("refused");
    assert!(matches!(error, SignatureError::Scope(_)), "{error}");
}

#[test]
fn presigned_requests() {
    let mut request = Owned::post("");
    request.method = "GET".into();
    request.headers.remove("x-amz-target");
    request.query = "cluster=a%20b&agent".into();
    let scope = SigningScope {
        region: REGION,
        service: SERVICE,
        time: NOW,
    };
    request.query = presign(&request.parts(), &credentials(), scope, 60);
    assert_eq!(request.verify(), Ok("AKIDEXAMPLE".into()));
    let late = NOW + Duration::from_secs(61);
    let error = request.verify_at(late).expect_err("expired");
    assert_eq!(
        error.to_string(),
        "Signature expired: 20251120T200100Z is now earlier than 20251120T200101Z"
    );
    for (from, to) in [("a%20b", "a%20c"), ("Expires=60", "Expires=600")] {
        let mut changed = request.clone();
        changed.query = request.query.replace(from, to);
        assert_eq!(changed.verify(), Err(SignatureError::Mismatch), "{from}");
    }
    let mut too_long = request.clone();
    too_long.query = request.query.replace("Expires=60", "Expires=604801");
    let error = too_long.verify().expect_err("refused");
    assert_eq!(error.code(), "IncompleteSignatureException");
    let mut without = request;
    without.query = without.query.replace("X-Amz-Date", "X-Amz-When");
    let error = without.verify().expect_err("refused");
    assert_eq!(error.code(), "IncompleteSignatureException");
}

proptest! {
    #[test]
    fn what_is_signed_verifies(
        method in "GET|POST|PUT|DELETE",
        path in "(/[a-zA-Z0-9._~%@:+ é-]{0,6}){1,4}",
        query in "([a-c]{0,2}(=[a-z%+ ]{0,3})?&?){0,5}",
        values in proptest::collection::vec("[ -~]{0,12}", 0..4),
        body in proptest::collection::vec(any::<u8>(), 0..64),
        flipped in any::<prop::sample::Index>(),
    ) {
        let mut request = Owned::post("");
        request.method = method;
        request.path = path;
        request.query = query;
        request.body = body;
        for value in &values {
            request.headers.append("x-custom", HeaderValue::from_str(value).expect("printable"));
        }
        let mut request = request.signed();
        prop_assert_eq!(request.verify(), Ok("AKIDEXAMPLE".to_owned()));
        if !request.body.is_empty() {
            let index = flipped.index(request.body.len());
            request.body[index] ^= 1;
            prop_assert_eq!(request.verify(), Err(SignatureError::Mismatch));
        }
    }

    /// Nothing that a stranger sends brings the verifier down.
    #[test]
    fn any_authorization_is_answered(authorization in "\\PC{0,80}", query in "\\PC{0,80}") {
        let mut request = Owned::post("{}");
        request.query = query;
        if let Ok(value) = HeaderValue::from_str(&authorization) {
            request.headers.insert("authorization", value);
        }
        request.headers.insert("x-amz-date", HeaderValue::from_static("20251120T200000Z"));
        prop_assert!(request.verify().is_err());
    }
}

const BOTOCORE_SIGNER: &str = r#"
import datetime, json, sys
import botocore.auth, botocore.awsrequest, botocore.credentials
moment = datetime.datetime(2025, 11, 20, 20, 0, 0)
class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return moment if tz is None else moment.replace(tzinfo=tz)
    @classmethod
    def utcnow(cls):
        return moment
if hasattr(botocore.auth, "get_current_datetime"):
    botocore.auth.get_current_datetime = lambda *a, **k: moment
else:
    botocore.auth.datetime = type("m", (), {"datetime": FixedTime, "timezone": datetime.timezone})
credentials = botocore.credentials.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
cases = [
    ("POST", "http://127.0.0.1:4580/", b'{"cluster":"default"}', {"X-Amz-Target": "T.RunTask"}, False),
    ("POST", "http://ecs.localhost:4580/", b"", {"X-Amz-Target": "T.RunTask", "X-Odd": "  a   b  "}, False),
    ("GET", "http://127.0.0.1:4580/a%20b/../c//d?z=1&a=%2F&a=%2B", b"", {}, False),
    ("GET", "http://127.0.0.1:4580/v1/tags/arn%3Aaws%3Aecs?x=%20y", b"", {}, False),
    ("GET", "http://127.0.0.1:4580/acs/ws?agent=Docker%3A%20a&b=", b"", {}, True),
]
for method, url, body, headers, presigned in cases:
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=headers)
    kind = botocore.auth.SigV4QueryAuth if presigned else botocore.auth.SigV4Auth
    kind(credentials, "ecs", "us-east-1").add_auth(request)
    sent = request.prepare()
    plain = {k: v.decode() if isinstance(v, bytes) else v for k, v in sent.headers.items()}
    print(json.dumps({"method": method, "url": sent.url, "headers": plain, "body": (body or b"").decode()}))
"#;

/// Runs only where Python has botocore; the acceptance tests cover it everywhere.
#[test]
fn botocore_signs_as_we_verify() {
    let Ok(output) = Command::new("python3")
        .args(["-c", BOTOCORE_SIGNER])
        .output()
    else {
        eprintln!("skipped: no python3");
        return;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("No module named") {
        eprintln!("skipped: no botocore");
        return;
    }
    assert!(output.status.success(), "{errors}");
    let lines = String::from_utf8(output.stdout).expect("text");
    assert_eq!(lines.lines().count(), 5);
    for line in lines.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let url = case["url"].as_str().expect("url");
        let (host, rest) = url["http://".len()..].split_once('/').expect("path");
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut headers = HeaderMap::new();
        for (name, value) in case["headers"].as_object().expect("headers") {
            let name: HeaderName = name.parse().expect("header name");
            let value = value.as_str().expect("text").parse().expect("header value");
            headers.insert(name, value);
        }
        headers.insert("host", host.parse().expect("host"));
        let request = Owned {
            method: case["method"].as_str().expect("method").into(),
            path: format!("/{path}"),
            query: query.into(),
            headers,
            body: case["body"].as_str().expect("body").into(),
        };
        assert_eq!(request.verify(), Ok("AKIDEXAMPLE".into()), "{line}");
    }
}
