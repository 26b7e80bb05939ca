//! Which operation a request means by its host, and the errors that come before there is one, in each protocol.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use wire::{
    Error, HttpRequest, HttpResponse, OperationSchema, Protocol, Routed, Router, ServiceSchema,
    Validation, Wording, prelude,
};

const fn operation(
    name: &'static str,
    uri: &'static str,
    host_prefix: Option<&'static str>,
) -> OperationSchema {
    OperationSchema {
        name,
        typed: true,
        input: &prelude::UNIT,
        output: &prelude::UNIT,
        errors: &[],
        method: "POST",
        uri,
        success_status: 200,
        host_prefix,
        result_wrapper: None,
        deprecated: false,
    }
}

const fn service(
    name: &'static str,
    api_version: &'static str,
    protocols: &'static [Protocol],
    operations: &'static [&'static OperationSchema],
) -> ServiceSchema {
    ServiceSchema {
        name,
        service_id: name,
        signing_name: name,
        endpoint_prefix: name,
        target_prefix: name,
        api_version,
        json_version: "1.1",
        xml_namespace: None,
        query_compatible: false,
        protocols,
        operations,
        validation: Validation {
            code: None,
            required: false,
            constraints: false,
            wording: Wording::Counted,
        },
    }
}

static PLAIN: OperationSchema = operation("Plain", "/things", None);
static DATA: OperationSchema = operation("Data", "/things", Some("data-"));
static STREAM: OperationSchema = operation("Stream", "/things", Some("stream-"));
static LABELLED: OperationSchema = operation("Labelled", "/things", Some("at-{Account}.control-"));
static DISCOVER: OperationSchema = operation("Discover", "/", Some("data-"));
static FORM: OperationSchema = operation("Describe", "/", None);

static REST: ServiceSchema = service(
    "rest",
    "1",
    &[Protocol::RestJson],
    &[&STREAM, &LABELLED, &PLAIN, &DATA],
);
static JSON: ServiceSchema = service(
    "json",
    "1",
    &[Protocol::Json11, Protocol::RpcV2Cbor],
    &[&DISCOVER],
);
static QUERY: ServiceSchema = service("query", "2010-01-01", &[Protocol::Query], &[&FORM]);
static EC2: ServiceSchema = service("ec2", "2016-11-15", &[Protocol::Ec2], &[&FORM]);

struct Sent {
    path: &'static str,
    headers: HeaderMap,
    body: &'static str,
}

fn sent(path: &'static str, headers: &[(&'static str, &'static str)], body: &'static str) -> Sent {
    let headers = headers.iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    Sent {
        path,
        headers: headers.collect(),
        body,
    }
}

fn route(sent: &Sent) -> Result<Routed, Box<HttpResponse>> {
    let request = HttpRequest {
        method: &Method::POST,
        path: sent.path,
        query: "",
        headers: &sent.headers,
        body: sent.body.as_bytes(),
    };
    Router::new([&REST, &JSON, &QUERY, &EC2])
        .route(&request)
        .map_err(|unrouted| Box::new(unrouted.respond("id")))
}

fn text(response: &HttpResponse) -> String {
    format!(
        "{} {}",
        response.status().as_u16(),
        String::from_utf8_lossy(response.body())
    )
}

#[test]
fn host_prefixes_tell_operations_apart() {
    for (host, name) in [
        ("gantry.localhost:4580", "Plain"),
        ("data-gantry.localhost:4580", "Data"),
        ("DATA-gantry.localhost", "Data"),
        ("stream-127.0.0.1:4580", "Stream"),
        ("at-123456789012.control-gantry", "Labelled"),
        ("at-123456789012.gantry", "Plain"),
        ("other-gantry", "Plain"),
        ("data", "Plain"),
        ("dat\u{e4}", "Plain"),
    ] {
        let mut sent = sent("/things", &[], "");
        let value = HeaderValue::from_bytes(host.as_bytes()).expect("a host");
        sent.headers.insert("host", value);
        let routed = route(&sent).expect("routed");
        assert_eq!(routed.operation.name, name, "{host}");
    }
}

#[test]
fn a_target_is_enough_with_or_without_the_host_prefix() {
    for host in ["data-gantry.localhost", "127.0.0.1:4580"] {
        let headers = [("host", host), ("x-amz-target", "json.Discover")];
        let routed = route(&sent("/", &headers, "{}")).expect("routed");
        assert_eq!(routed.operation.name, "Discover");
    }
}

const FORM_TYPE: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn what_means_no_operation_is_told_in_the_protocol_of_the_request() {
    let refused = |path, headers: &[_], body| {
        let response = route(&sent(path, headers, body)).expect_err("refused");
        let kind = response.headers()["content-type"].clone();
        (kind, text(&response))
    };
    let (kind, answer) = refused("/", &[FORM_TYPE], "Action=Invent&Version=2010-01-01");
    assert_eq!(kind, "text/xml;charset=UTF-8");
    assert_eq!(
        answer,
        "400 <ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>Could not find operation \
         Invent for version 2010-01-01</Message></Error><RequestId>id</RequestId></ErrorResponse>"
    );
    let (_, answer) = refused("/", &[FORM_TYPE], "Action=Invent&Version=2016-11-15");
    assert_eq!(
        answer,
        "400 <Response><Errors><Error><Code>InvalidAction</Code><Message>The action Invent is not valid for this web \
         service.</Message></Error></Errors><RequestID>id</RequestID></Response>"
    );
    let signed = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ec2/aws4_request, Signature=0",
    );
    let (_, answer) = refused("/", &[FORM_TYPE, signed], "x=y");
    assert!(
        answer.starts_with("400 <Response><Errors><Error><Code>MissingAction<"),
        "{answer}"
    );
    let (_, answer) = refused("/", &[FORM_TYPE], "");
    assert!(answer.starts_with("400 <ErrorResponse><Error>"), "{answer}");

    let (kind, answer) = refused("/nothing/here", &[], "");
    assert_eq!(kind, "application/json");
    assert!(answer.starts_with("404 {\"__type\":\"UnknownOperation"));
    let (kind, answer) = refused("/", &[("x-amz-target", "json.Invent")], "{}");
    assert_eq!(kind, "application/x-amz-json-1.1");
    assert!(answer.starts_with("400 {\"__type\":\"UnknownOperation"));
    let (kind, _) = refused("/", &[("content-type", "application/x-amz-json-1.0")], "{}");
    assert_eq!(kind, "application/x-amz-json-1.0");
    let (kind, _) = refused("/x", &[("smithy-protocol", "rpc-v2-cbor")], "");
    assert_eq!(kind, "application/cbor");
}

fn answered(protocol: Protocol, code: &'static str, message: &str) -> (u16, String) {
    let (service, operation) = (&QUERY, &FORM);
    let routed = Routed {
        service,
        operation,
        protocol,
    };
    let response = routed.respond_error("id", &Error::client(code, message));
    let body = String::from_utf8_lossy(response.body()).into_owned();
    (response.status().as_u16(), body)
}

#[test]
fn signatures_are_refused_in_the_words_of_each_protocol() {
    let json = "InvalidSignatureException";
    for (protocol, code, ours, status) in [
        (Protocol::Json11, json, json, 400),
        (Protocol::RestJson, json, json, 403),
        (Protocol::Query, json, "SignatureDoesNotMatch", 403),
        (Protocol::Ec2, json, "AuthFailure", 401),
        (
            Protocol::Query,
            "IncompleteSignatureException",
            "IncompleteSignature",
            400,
        ),
        (
            Protocol::Ec2,
            "IncompleteSignatureException",
            "IncompleteSignature",
            400,
        ),
        (
            Protocol::Query,
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            403,
        ),
        (
            Protocol::Ec2,
            "UnrecognizedClientException",
            "AuthFailure",
            401,
        ),
        (
            Protocol::Query,
            "MissingAuthenticationTokenException",
            "MissingAuthenticationToken",
            403,
        ),
        (
            Protocol::Query,
            "ExpiredTokenException",
            "ExpiredToken",
            403,
        ),
        (
            Protocol::Ec2,
            "ExpiredTokenException",
            "RequestExpired",
            400,
        ),
        (
            Protocol::Query,
            "AccessDeniedException",
            "AccessDenied",
            403,
        ),
        (
            Protocol::Ec2,
            "AccessDeniedException",
            "UnauthorizedOperation",
            403,
        ),
        (
            Protocol::Ec2,
            "ThrottlingException",
            "RequestLimitExceeded",
            503,
        ),
        (Protocol::Ec2, "OtherException", "OtherException", 400),
    ] {
        let (answered, body) = answered(protocol, code, "why");
        assert_eq!(answered, status, "{protocol:?} {code}: {body}");
        let named = body.contains(&format!("<Code>{ours}</Code>"))
            || body.contains(&format!("\"__type\":\"{ours}\""));
        assert!(named, "{protocol:?} {code}: {body}");
    }
    let (_, body) = answered(Protocol::Ec2, json, "Signature expired: a is now earlier");
    assert!(body.contains("<Code>RequestExpired</Code>"), "{body}");
    let (_, body) = answered(Protocol::Query, json, "Signature expired: a is now earlier");
    assert!(body.contains("<Message>Signature expired: a is now earlier<"));
    let (_, body) = answered(Protocol::Ec2, json, "The request signature we calculated");
    assert!(body.contains("AWS was not able to validate the provided access credentials"));
}
