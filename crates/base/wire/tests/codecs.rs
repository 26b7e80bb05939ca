//! Our own schemas through the codecs: what is refused, how it is worded, and that what is written reads back.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use wire::{
    Access, AnyShape, Ask, Authorizer, Blob, BoxFuture, Caller, Document, Error, ErrorTraits,
    Fault, Handle, HttpRequest, Input, Kind, Member, Operation, OperationSchema, Principal,
    Protocol, Router, Schema, Service, ServiceCall, ServiceSchema, Stored, Timestamp, Traits,
    Validation, cbor, json, prelude,
};

wire::string_enum!(Size { SMALL = "SMALL", LARGE = "LARGE" });

#[derive(Clone, Default, PartialEq)]
struct Thing {
    name: Option<String>,
    secret: Option<String>,
    size: Option<Size>,
    count: Option<i32>,
    total: Option<i64>,
    ratio: Option<f64>,
    enabled: Option<bool>,
    made_at: Option<Timestamp>,
    data: Option<Blob>,
    labels: Option<BTreeMap<String, String>>,
    parts: Option<Vec<Thing>>,
    extra: Option<Document>,
}

static SHORT: Schema = Schema {
    name: "Short",
    kind: Kind::String,
    members: &[],
    traits: &Traits {
        min: Some(1.0),
        max: Some(8.0),
        ..Traits::NONE
    },
};
static SECRET: Schema = Schema {
    name: "Secret",
    kind: Kind::String,
    members: &[],
    traits: &Traits {
        sensitive: true,
        ..Traits::NONE
    },
};
static SIZE: Schema = Schema {
    name: "Size",
    kind: Kind::String,
    members: &[],
    traits: &Traits {
        enum_values: Size::VALUES,
        ..Traits::NONE
    },
};
static LABELS: Schema = Schema {
    name: "Labels",
    kind: Kind::Map,
    members: &[
        plain("key", &prelude::STRING),
        plain("value", &prelude::STRING),
    ],
    traits: &Traits::NONE,
};
static PARTS: Schema = Schema {
    name: "Parts",
    kind: Kind::List,
    members: &[plain("member", &THING)],
    traits: &Traits::NONE,
};
static THING: Schema = Schema {
    name: "Thing",
    kind: Kind::Structure,
    members: &[
        Member {
            name: "name",
            target: &SHORT,
            traits: &Traits {
                required: true,
                ..Traits::NONE
            },
        },
        plain("secret", &SECRET),
        plain("size", &SIZE),
        plain("count", &prelude::INTEGER),
        plain("total", &prelude::LONG),
        plain("ratio", &prelude::DOUBLE),
        plain("enabled", &prelude::BOOLEAN),
        plain("madeAt", &prelude::TIMESTAMP),
        plain("data", &prelude::BLOB),
        plain("labels", &LABELS),
        plain("parts", &PARTS),
        plain("extra", &prelude::DOCUMENT),
    ],
    traits: &Traits::NONE,
};

const fn plain(name: &'static str, target: &'static Schema) -> Member {
    Member {
        name,
        target,
        traits: &Traits::NONE,
    }
}

wire::shape!(Thing, THING, {
    0 => name, 1 => secret, 2 => size, 3 => count, 4 => total, 5 => ratio,
    6 => enabled, 7 => made_at, 8 => data, 9 => labels, 10 => parts, 11 => extra,
});

fn read(body: &str) -> Result<Thing, String> {
    json::from_slice(body.as_bytes()).map_err(|error| error.message)
}

fn named(name: &str) -> Thing {
    Thing {
        name: Some(name.into()),
        ..Thing::default()
    }
}

#[test]
fn wrong_types_are_worded_as_aws_words_them() {
    for (body, message) in [
        (
            r#"{"name": 1}"#,
            "NUMBER_VALUE cannot be converted to String",
        ),
        (
            r#"{"count": "1"}"#,
            "STRING_VALUE cannot be converted to Integer",
        ),
        (
            r#"{"count": 3000000000}"#,
            "NUMBER_VALUE cannot be converted to Integer",
        ),
        (
            r#"{"enabled": "true"}"#,
            "STRING_VALUE cannot be converted to Boolean",
        ),
        (
            r#"{"name": true}"#,
            "TRUE_VALUE cannot be converted to String",
        ),
        (r#"{"name": []}"#, "Start of list found where not expected"),
        (
            r#"{"name": {}}"#,
            "Start of structure or map found where not expected.",
        ),
        (
            r#"{"parts": {}}"#,
            "Start of structure or map found where not expected.",
        ),
        (r#"{"parts": "a"}"#, "Expected list or null"),
        (
            r#"{"labels": []}"#,
            "Start of list found where not expected",
        ),
        (r#"[]"#, "Start of list found where not expected"),
        (r#"{"#, "Unable to parse JSON body"),
    ] {
        assert_eq!(read(body), Err(message.to_owned()), "{body}");
    }
}

#[test]
fn null_is_absent_and_the_unknown_is_skipped() {
    let read = read(
        r#"{"name": "a", "count": null, "unknown": {"x": [1]}, "parts": [null, {"name": "b"}]}"#,
    );
    assert_eq!(
        read,
        Ok(Thing {
            parts: Some(vec![named("b")]),
            ..named("a")
        })
    );
    assert_eq!(json::from_slice::<Thing>(b""), Ok(Thing::default()));
    assert_eq!(json::from_slice::<Thing>(b" \n"), Ok(Thing::default()));
}

#[test]
fn nesting_is_bounded_in_every_format() {
    let deep = limits::WIRE_NESTING_DEPTH + 1;
    let body = format!("{}{}", r#"{"parts":["#.repeat(deep), "]}".repeat(deep));
    assert_eq!(
        read(&body),
        Err("The request is nested too deeply".to_owned())
    );
    // Brackets in strings are no nesting.
    assert!(read(&format!(r#"{{"secret": "{}"}}"#, "[".repeat(1000))).is_ok());
    let error = cbor::from_slice::<Thing>(&vec![0x81; 100_000]).expect_err("too deep");
    assert_eq!(error.message, "The request is nested too deeply");
}

#[test]
fn debug_shows_what_is_set_and_no_secrets() {
    let thing = Thing {
        secret: Some("hunter2".into()),
        count: Some(3),
        ..named("a")
    };
    assert_eq!(
        format!("{thing:?}"),
        r#"Thing { name: "a", secret: ***, count: 3 }"#
    );
}

#[test]
fn violations_are_found_at_any_depth() {
    let thing = Thing {
        size: Some(Size::from("HUGE")),
        parts: Some(vec![named("ok"), named("much too long"), Thing::default()]),
        ..Thing::default()
    };
    let found: Vec<String> = wire::validate(&thing, true, true)
        .into_iter()
        .map(|it| format!("{} at {}: {}", it.value, it.path, it.constraint))
        .collect();
    assert_eq!(
        found,
        [
            "'HUGE' at size: Member must satisfy enum value set: [SMALL, LARGE]",
            "'much too long' at parts.2.member.name: Member must have length less than or equal to 8",
            "null at parts.3.member.name: Member must not be null",
            "null at name: Member must not be null",
        ]
    );
    assert_eq!(wire::validate(&thing, false, false), []);
}

struct Make;

static MAKE: OperationSchema = OperationSchema {
    name: "Make",
    typed: true,
    input: &THING,
    output: &THING,
    errors: &[],
    method: "POST",
    uri: "/",
    success_status: 200,
    host_prefix: None,
    result_wrapper: Some("MakeResult"),
    deprecated: false,
};
static BREAK: OperationSchema = OperationSchema {
    name: "Break",
    typed: false,
    ..MAKE_AGAIN
};
const MAKE_AGAIN: OperationSchema = OperationSchema {
    name: "Make",
    typed: true,
    input: &THING,
    output: &THING,
    errors: &[],
    method: "POST",
    uri: "/",
    success_status: 200,
    host_prefix: None,
    result_wrapper: None,
    deprecated: false,
};
static FACTORY: ServiceSchema = ServiceSchema {
    name: "factory",
    service_id: "Factory",
    signing_name: "factory",
    endpoint_prefix: "factory",
    target_prefix: "Factory_2026",
    api_version: "2026-01-01",
    json_version: "1.1",
    xml_namespace: None,
    query_compatible: false,
    protocols: &[Protocol::Json11, Protocol::Query],
    operations: &[&MAKE, &BREAK],
    validation: Validation {
        code: Some("ValidationException"),
        required: true,
        constraints: true,
        wording: wire::Wording::Counted,
    },
};

impl Operation for Make {
    type Input = Thing;
    type Output = Thing;
    const SCHEMA: &'static OperationSchema = &MAKE;
    const SERVICE: &'static ServiceSchema = &FACTORY;
}

struct Factory;

impl Handle<Make> for Factory {
    fn access(&self, _caller: &Caller, input: &Thing) -> Access {
        Access::action("factory:Make").resource(input.name.clone().unwrap_or_default())
    }

    async fn handle(&self, _caller: &Caller, input: Thing) -> Result<Thing, Error> {
        match input.name.as_deref() {
            Some("broken") => Err(Error::modelled(
                "BrokenFault",
                ErrorTraits {
                    code: "Broken",
                    status: 409,
                    fault: Fault::Client,
                    message_member: "message",
                },
                "It <is> broken",
            )),
            _ => Ok(input),
        }
    }
}

struct Server<S>(Arc<S>);

impl<S: Handle<Make> + 'static> Service for Server<S> {
    fn schema(&self) -> &'static ServiceSchema {
        &FACTORY
    }

    fn call<'a>(
        &'a self,
        call: ServiceCall<'a>,
    ) -> BoxFuture<'a, Result<Box<dyn AnyShape>, Error>> {
        match call.operation.name {
            "Make" => wire::serve::<Make, S>(&self.0, call),
            _ => wire::refuse(call),
        }
    }
}

/// Allows everything but one resource.
struct AllBut(&'static str);

impl Authorizer for AllBut {
    fn allow(&self, _caller: &Caller, ask: &Ask) -> Result<(), Error> {
        match ask.resources.iter().any(|resource| resource == self.0) {
            true => Err(Error::client(
                "AccessDeniedException",
                format!("no {}", ask.action),
            )),
            false => Ok(()),
        }
    }
}

fn caller() -> Caller {
    Caller {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        principal: Principal::Root,
        access_key_id: "AKIA".into(),
        request_id: "id".into(),
        source_ip: None,
        user_agent: String::new(),
    }
}

/// Status and body of a request that goes the whole way.
fn send(headers: &[(&'static str, &str)], body: &str) -> (u16, String) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).expect("a header value"));
    }
    let request = HttpRequest {
        method: &Method::POST,
        path: "/",
        query: "",
        headers: &map,
        body: body.as_bytes(),
    };
    let response = match Router::new([&FACTORY]).route(&request) {
        Err(unrouted) => unrouted.respond("id"),
        Ok(routed) => {
            let (server, caller) = (Server(Arc::new(Factory)), caller());
            let call = ServiceCall {
                service: routed.service,
                operation: routed.operation,
                caller: &caller,
                authorizer: &AllBut("banned"),
                input: Input::Wire(&routed, &request),
            };
            let result =
                futures_util::FutureExt::now_or_never(server.call(call)).expect("nothing waits");
            routed.respond("id", &result)
        }
    };
    (
        response.status().as_u16(),
        String::from_utf8(response.into_body()).expect("UTF-8"),
    )
}

fn send_json(operation: &str, body: &str) -> (u16, String) {
    send(
        &[
            ("x-amz-target", &format!("Factory_2026.{operation}")),
            ("content-type", "application/x-amz-json-1.1"),
        ],
        body,
    )
}

#[test]
fn a_request_goes_the_whole_way() {
    assert_eq!(
        send_json("Make", r#"{"name":"a"}"#),
        (200, r#"{"name":"a"}"#.into())
    );
    let (status, body) = send_json("Make", "{}");
    assert_eq!(status, 400);
    assert!(
        body.contains(
            "1 validation error detected: Value null at 'name' failed to satisfy constraint"
        ),
        "{body}"
    );
    let (status, body) = send_json("Make", r#"{"name":"banned"}"#);
    assert_eq!(
        (status, body.contains("AccessDeniedException")),
        (400, true),
        "{body}"
    );
    let (status, body) = send_json("Make", r#"{"name":1}"#);
    assert_eq!(
        (status, body.contains("SerializationException")),
        (400, true),
        "{body}"
    );
    assert_eq!(
        send_json("Make", r#"{"name":"broken"}"#),
        (
            409,
            r#"{"__type":"BrokenFault","message":"It <is> broken"}"#.into()
        )
    );
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    let (status, body) = send_json("Break", "{}");
    assert_eq!(status, 400);
    assert!(
        body.contains("UnsupportedFeatureException") && body.contains("Break"),
        "{body}"
    );
    let (status, body) = send_json("Invent", "{}");
    assert_eq!(
        (status, body.contains("UnknownOperationException")),
        (400, true),
        "{body}"
    );
    let (_, body) = send(&[], "");
    assert!(body.contains("UnknownOperationException"), "{body}");
}

#[test]
fn the_same_service_speaks_query() {
    let form = [(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    )];
    let (status, body) = send(
        &form,
        "Action=Make&Version=2026-01-01&name=a%26b&count=3&parts.member.1.name=c+d",
    );
    assert_eq!(status, 200);
    assert!(
        body.contains("<MakeResult><name>a&amp;b</name><count>3</count>"),
        "{body}"
    );
    assert!(
        body.contains("<parts><member><name>c d</name></member></parts>"),
        "{body}"
    );
    let (status, body) = send(&form, "Action=Make&Version=2026-01-01&name=broken");
    assert_eq!(status, 409);
    assert!(
        body.contains("<Code>Broken</Code><Message>It &lt;is&gt; broken</Message>"),
        "{body}"
    );
    let (status, body) = send(&form, "Action=Invent&Version=2026-01-01");
    assert_eq!(
        (status, body.contains("<Code>InvalidAction</Code>")),
        (400, true),
        "{body}"
    );
}

#[test]
fn services_of_one_process_call_each_other_with_authorisation() {
    let (server, caller) = (Server(Arc::new(Factory)), caller());
    let call = |name| {
        let call = wire::call::<Make>(&server, &caller, &AllBut("banned"), named(name));
        futures_util::FutureExt::now_or_never(call).expect("nothing waits")
    };
    assert_eq!(call("a"), Ok(named("a")));
    assert_eq!(
        call("banned").expect_err("refused").code,
        "AccessDeniedException"
    );
}

fn document() -> impl Strategy<Value = Document> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Document::Boolean),
        any::<i64>().prop_map(Document::Integer),
        any::<f64>()
            .prop_filter("finite", |it| it.is_finite())
            .prop_map(Document::Double),
        "\\PC{0,8}".prop_map(Document::String),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Document::List),
            prop::collection::btree_map("\\PC{0,4}", inner, 0..4).prop_map(Document::Map),
        ]
    })
}

prop_compose! {
    fn leaf_thing()(
        name in prop::option::of("(?s).{0,12}"),
        secret in prop::option::of("[\\x00-\\x7f]{0,12}"),
        size in prop::option::of(prop_oneof![Just(Size::SMALL), Just(Size::LARGE), "\\PC{1,4}".prop_map(Size::from)]),
        count in prop::option::of(any::<i32>()),
        total in prop::option::of(any::<i64>()),
        ratio in prop::option::of(any::<f64>().prop_filter("comparable", |it| !it.is_nan())),
        enabled in prop::option::of(any::<bool>()),
        made_at in prop::option::of((-62_135_596_800_000_i64..253_402_300_799_999).prop_map(Timestamp::from_millis)),
        data in prop::option::of(prop::collection::vec(any::<u8>(), 0..20).prop_map(Blob)),
        labels in prop::option::of(prop::collection::btree_map("\\PC{0,4}", "\\PC{0,4}", 0..4)),
        extra in prop::option::of(document()),
    ) -> Thing {
        Thing { name, secret, size, count, total, ratio, enabled, made_at, data, labels, extra, parts: None }
    }
}

fn thing() -> impl Strategy<Value = Thing> {
    leaf_thing().prop_recursive(3, 8, 3, |inner| {
        (
            leaf_thing(),
            prop::option::of(prop::collection::vec(inner, 0..3)),
        )
            .prop_map(|(thing, parts)| Thing { parts, ..thing })
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(thing in thing()) {
        prop_assert_eq!(json::from_slice::<Thing>(&json::to_vec(&thing)), Ok(thing.clone()));
        prop_assert_eq!(cbor::from_slice::<Thing>(&cbor::to_vec(&thing)), Ok(thing.clone()));
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&json::to_vec(&thing)).is_ok());
    }

    #[test]
    fn records_keep_shapes(thing in thing()) {
        let stored = Stored(thing);
        let text = serde_json::to_string(&stored).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Stored<Thing>>(&text).expect("JSON"), stored);
    }

    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = cbor::from_slice::<Thing>(&body);
        let _ = json::from_slice::<Thing>(&body);
        let text = String::from_utf8_lossy(&body);
        let _ = send(&[("content-type", "application/x-www-form-urlencoded")], &format!("Action=Make&{text}"));
    }
}
