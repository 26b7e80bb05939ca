//! AWS's own signing test suite (`aws-signing-test-suite/v4`): each request as it names it, and the two signatures that it
//! expects.
//!
//! Left out: the cases `…-unnormalized` (a service's choice that only S3 makes), `get-header-value-multiline` (folded
//! headers, which HTTP no longer has), `post-sts-header-after` (a token that is added unsigned).

use http::{HeaderMap, HeaderName, HeaderValue};
use identity::{
    AccessKeyRecord, AccessKeys, Credentials, Expected, Payload, SignatureError, SignedRequest,
    SigningScope, Verifier, presign, sign,
};
use std::sync::Arc;

struct Vector {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    token: Option<&'static str>,
    signature: &'static str,
    presigned: &'static str,
}

const DATE: &str = "20150830T123600Z";
const SCOPE: &str = "20150830/us-east-1/service/aws4_request";
const BODY_HASH: &str = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
const EXPECTED: Expected<'_> = Expected {
    is_global: false,
    region: "us-east-1",
    service: "service",
};

impl Vector {
    fn credentials(&self) -> Credentials {
        let mut credentials =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        credentials.session_token = self.token.map(str::to_owned);
        credentials
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let host = ("host", "example.amazonaws.com");
        for (name, value) in std::iter::once(&host).chain(self.headers) {
            headers.append(HeaderName::from_static(name), value.parse().expect(name));
        }
        headers
    }

    fn request<'a>(&'a self, query: &'a str, headers: &'a HeaderMap) -> SignedRequest<'a> {
        SignedRequest {
            method: self.method,
            path: self.path,
            query,
            headers,
            payload: Payload::Bytes(self.body.as_bytes()),
        }
    }

    fn verify(&self, request: &SignedRequest<'_>) -> Result<(), SignatureError> {
        let now = super::moment(DATE);
        let key = AccessKeyRecord::root(&self.credentials(), "123456789012", now);
        let verifier = Verifier::new(Arc::new(AccessKeys::fixed([key])));
        verifier.verify(request, EXPECTED, now).map(drop)
    }

    /// The names of these headers, sorted, as a signature lists them.
    fn signed_headers(headers: &HeaderMap) -> String {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names.join(";")
    }

    /// Headers as the suite signs them: with the body's hash where it signs the body.
    fn headers_to_sign(&self) -> HeaderMap {
        let mut headers = self.headers();
        if !self.body.is_empty() {
            headers.insert("x-amz-content-sha256", HeaderValue::from_static(BODY_HASH));
        }
        headers
    }
}

#[test]
fn signatures_in_the_header() {
    for vector in VECTORS {
        let mut headers = vector.headers_to_sign();
        headers.insert("x-amz-date", HeaderValue::from_static(DATE));
        if let Some(token) = vector.token {
            headers.insert("x-amz-security-token", token.parse().expect("a token"));
        }
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{SCOPE}, SignedHeaders={}, Signature={}",
            Vector::signed_headers(&headers),
            vector.signature
        );
        headers.insert("authorization", authorization.parse().expect("a header"));
        let verified = vector.verify(&vector.request(vector.query, &headers));
        assert_eq!(verified, Ok(()), "{}", vector.name);

        let unsigned = vector.headers_to_sign();
        let scope = SigningScope {
            region: EXPECTED.region,
            service: EXPECTED.service,
            time: super::moment(DATE),
        };
        let request = vector.request(vector.query, &unsigned);
        let added = sign(&request, &vector.credentials(), scope);
        let (_, ours) = added.last().expect("an authorization");
        assert_eq!(ours, &authorization, "{}", vector.name);
    }
}

#[test]
fn signatures_in_the_query() {
    for vector in VECTORS {
        let headers = vector.headers();
        let signed = Vector::signed_headers(&headers).replace(';', "%3B");
        let token = vector.token.map(|token| {
            let encoded = token.replace('/', "%2F").replace('+', "%2B");
            format!("&X-Amz-Security-Token={}", encoded.replace('=', "%3D"))
        });
        let query = format!(
            "{}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F{}&X-Amz-Date={DATE}&X-Amz-Expires=3600\
             &X-Amz-SignedHeaders={signed}{}&X-Amz-Signature={}",
            vector.query,
            SCOPE.replace('/', "%2F"),
            token.unwrap_or_default(),
            vector.presigned
        );
        let verified = vector.verify(&vector.request(&query, &headers));
        assert_eq!(verified, Ok(()), "{}", vector.name);

        if headers.len() > 1 {
            // Ours sign the host alone.
            continue;
        }
        let scope = SigningScope {
            region: EXPECTED.region,
            service: EXPECTED.service,
            time: super::moment(DATE),
        };
        let request = vector.request(vector.query, &headers);
        let ours = presign(&request, &vector.credentials(), scope, 3600);
        assert!(ours.ends_with(vector.presigned), "{}: {ours}", vector.name);
    }
}

#[test]
fn a_changed_signature_is_none() {
    for vector in VECTORS {
        let mut headers = vector.headers();
        headers.insert("x-amz-date", HeaderValue::from_static(DATE));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{SCOPE}, SignedHeaders={}, Signature={}",
            Vector::signed_headers(&headers),
            vector.signature.replace(['0', '1', '2', '3'], "4")
        );
        headers.insert("authorization", authorization.parse().expect("a header"));
        let verified = vector.verify(&vector.request(vector.query, &headers));
        assert!(verified.is_err(), "{}", vector.name);
    }
}

const VECTORS: &[Vector] = &[
    Vector {
        name: "get-header-key-duplicate",
        method: "GET",
        path: "/",
        query: "",
        headers: &[
            ("my-header1", "value2"),
            ("my-header1", "value2"),
            ("my-header1", "value1"),
        ],
        body: "",
        token: None,
        signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        presigned: "3349ee0b81b4b589da0ff28a395c3591e04de515651dd74f298fa992d1507a97",
    },
    Vector {
        name: "get-header-value-order",
        method: "GET",
        path: "/",
        query: "",
        headers: &[
            ("my-header1", "value4"),
            ("my-header1", "value1"),
            ("my-header1", "value3"),
            ("my-header1", "value2"),
        ],
        body: "",
        token: None,
        signature: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        presigned: "313720e71ca6202fdcfa9b20f88de01a4eb0638a83c833b1c184359a4eda864e",
    },
    Vector {
        name: "get-header-value-trim",
        method: "GET",
        path: "/",
        query: "",
        headers: &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        body: "",
        token: None,
        signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        presigned: "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4",
    },
    Vector {
        name: "get-relative-normalized",
        method: "GET",
        path: "/example/..",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        presigned: "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d",
    },
    Vector {
        name: "get-relative-relative-normalized",
        method: "GET",
        path: "/example1/example2/../..",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        presigned: "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d",
    },
    Vector {
        name: "get-slash-dot-slash-normalized",
        method: "GET",
        path: "/./",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        presigned: "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d",
    },
    Vector {
        name: "get-slash-normalized",
        method: "GET",
        path: "//",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        presigned: "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d",
    },
    Vector {
        name: "get-slash-pointless-dot-normalized",
        method: "GET",
        path: "/./example",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
        presigned: "35034b1a0bdd969f346975386daf8aedfd4976573b8348cf4f67eaa41c5857de",
    },
    Vector {
        name: "get-slashes-normalized",
        method: "GET",
        path: "//example//",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        presigned: "c1834e8fb0307243711f0f907f6ab7311ed300d87f13792d7ee4da89ab93e082",
    },
    Vector {
        name: "get-space-normalized",
        method: "GET",
        path: "/example space/",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        presigned: "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6",
    },
    Vector {
        name: "get-unreserved",
        method: "GET",
        path: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        presigned: "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005",
    },
    Vector {
        name: "get-utf8",
        method: "GET",
        path: "/ሴ",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        presigned: "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44",
    },
    Vector {
        name: "get-vanilla-empty-query-key",
        method: "GET",
        path: "/",
        query: "Param1=value1",
        headers: &[],
        body: "",
        token: None,
        signature: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        presigned: "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de",
    },
    Vector {
        name: "get-vanilla-query-order-encoded",
        method: "GET",
        path: "/",
        query: "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        headers: &[],
        body: "",
        token: None,
        signature: "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        presigned: "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787",
    },
    Vector {
        name: "get-vanilla-query-order-key-case",
        method: "GET",
        path: "/",
        query: "Param2=value2&Param1=value1",
        headers: &[],
        body: "",
        token: None,
        signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        presigned: "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5",
    },
    Vector {
        name: "get-vanilla-query-unreserved",
        method: "GET",
        path: "/",
        query: "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        headers: &[],
        body: "",
        token: None,
        signature: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        presigned: "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf",
    },
    Vector {
        name: "get-vanilla-query",
        method: "GET",
        path: "/",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        presigned: "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d",
    },
    Vector {
        name: "get-vanilla-utf8-query",
        method: "GET",
        path: "/",
        query: "ሴ=bar",
        headers: &[],
        body: "",
        token: None,
        signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        presigned: "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600",
    },
    Vector {
        name: "get-vanilla-with-session-token",
        method: "GET",
        path: "/",
        query: "",
        headers: &[],
        body: "",
        token: Some("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"),
        signature: "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        presigned: "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c",
    },
    Vector {
        name: "get-vanilla",
        method: "GET",
        path: "/",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        presigned: "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d",
    },
    Vector {
        name: "post-header-key-case",
        method: "POST",
        path: "/",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        presigned: "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b",
    },
    Vector {
        name: "post-header-key-sort",
        method: "POST",
        path: "/",
        query: "",
        headers: &[("my-header1", "value1")],
        body: "",
        token: None,
        signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        presigned: "c09d07e0d55871f10f2a6d350d994acf6825a3cae70673d7def55616e6119dd7",
    },
    Vector {
        name: "post-header-value-case",
        method: "POST",
        path: "/",
        query: "",
        headers: &[("my-header1", "VALUE1")],
        body: "",
        token: None,
        signature: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        presigned: "0698bc9e4f7f9139065ba2909c0e99da257e8e2a42492a097bcd46d792391fed",
    },
    Vector {
        name: "post-sts-header-before",
        method: "POST",
        path: "/",
        query: "",
        headers: &[],
        body: "",
        token: Some(
            "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==",
        ),
        signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        presigned: "46c2e3c63c1dbe7d39f8ada16fe7f001c1f56c5791441565323677f96308871c",
    },
    Vector {
        name: "post-vanilla-empty-query-value",
        method: "POST",
        path: "/",
        query: "Param1=value1",
        headers: &[],
        body: "",
        token: None,
        signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        presigned: "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682",
    },
    Vector {
        name: "post-vanilla-query",
        method: "POST",
        path: "/",
        query: "Param1=value1",
        headers: &[],
        body: "",
        token: None,
        signature: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        presigned: "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682",
    },
    Vector {
        name: "post-vanilla",
        method: "POST",
        path: "/",
        query: "",
        headers: &[],
        body: "",
        token: None,
        signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        presigned: "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b",
    },
    Vector {
        name: "post-x-www-form-urlencoded-parameters",
        method: "POST",
        path: "/",
        query: "",
        headers: &[
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("content-length", "13"),
        ],
        body: "Param1=value1",
        token: None,
        signature: "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
        presigned: "0dbeb9b026c7b6675f266b8427efec9b4fa8b1f6ef1477d717aea231106eab4d",
    },
    Vector {
        name: "post-x-www-form-urlencoded",
        method: "POST",
        path: "/",
        query: "",
        headers: &[
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", "13"),
        ],
        body: "Param1=value1",
        token: None,
        signature: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        presigned: "89a40deed0f26f9461242825a082d2222717248abc7ab41f552ad84a94ad46e9",
    },
];
