//! The constraints of the models in AWS's words: single values, elements of lists, keys and values of maps, several
//! violations at once, and what is never repeated to a client.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use wire::{
    Access, AnyShape, Ask, Authorizer, Blob, BoxFuture, Caller, Error, Handle, Kind, Member,
    Operation, OperationSchema, Principal, Protocol, Schema, Service, ServiceCall, ServiceSchema,
    Traits, Validation, Wording, prelude,
};

#[derive(Clone, Default, PartialEq)]
struct Request {
    name: Option<String>,
    count: Option<i32>,
    secret: Option<String>,
    data: Option<Blob>,
    names: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    tags: Option<Vec<Tag>>,
    groups: Option<BTreeMap<String, Tag>>,
}

#[derive(Clone, Default, PartialEq)]
struct Tag {
    key: Option<String>,
}

wire::shape!(Request, REQUEST, {
    0 => name, 1 => count, 2 => secret, 3 => data, 4 => names, 5 => labels, 6 => tags, 7 => groups,
});
wire::shape!(Tag, TAG, { 0 => key });

const NAME_TRAITS: Traits = Traits {
    min: Some(1.0),
    max: Some(4.0),
    pattern: Some("[a-z]+"),
    ..Traits::NONE
};

const fn leaf(name: &'static str, kind: Kind, traits: &'static Traits) -> Schema {
    Schema {
        name,
        kind,
        members: &[],
        traits,
    }
}

const fn member(name: &'static str, target: &'static Schema) -> Member {
    Member {
        name,
        target,
        traits: &Traits::NONE,
    }
}

const fn required(name: &'static str, target: &'static Schema) -> Member {
    Member {
        name,
        target,
        traits: &Traits {
            required: true,
            ..Traits::NONE
        },
    }
}

static NAME: Schema = leaf("Name", Kind::String, &NAME_TRAITS);
static COLOUR: Schema = leaf(
    "Colour",
    Kind::String,
    &Traits {
        enum_values: &["RED", "BLUE"],
        ..Traits::NONE
    },
);
static COUNT: Schema = leaf(
    "Count",
    Kind::Integer,
    &Traits {
        min: Some(1.0),
        max: Some(9.0),
        ..Traits::NONE
    },
);
static SECRET: Schema = leaf(
    "Secret",
    Kind::String,
    &Traits {
        sensitive: true,
        max: Some(3.0),
        ..Traits::NONE
    },
);
static DATA: Schema = leaf(
    "Data",
    Kind::Blob,
    &Traits {
        max: Some(2.0),
        ..Traits::NONE
    },
);
static NAMES: Schema = Schema {
    name: "Names",
    kind: Kind::List,
    members: &[member("member", &NAME)],
    traits: &Traits {
        min: Some(1.0),
        max: Some(2.0),
        ..Traits::NONE
    },
};
static LABELS: Schema = Schema {
    name: "Labels",
    kind: Kind::Map,
    members: &[member("key", &NAME), member("value", &COLOUR)],
    traits: &Traits::NONE,
};
static TAG: Schema = Schema {
    name: "Tag",
    kind: Kind::Structure,
    members: &[required("Key", &NAME)],
    traits: &Traits::NONE,
};
static TAGS: Schema = Schema {
    name: "Tags",
    kind: Kind::List,
    members: &[member("member", &TAG)],
    traits: &Traits {
        max: Some(200.0),
        ..Traits::NONE
    },
};
static GROUPS: Schema = Schema {
    name: "Groups",
    kind: Kind::Map,
    members: &[member("key", &prelude::STRING), member("value", &TAG)],
    traits: &Traits::NONE,
};
static REQUEST: Schema = Schema {
    name: "Request",
    kind: Kind::Structure,
    members: &[
        required("Name", &NAME),
        member("Count", &COUNT),
        member("Secret", &SECRET),
        member("Data", &DATA),
        member("Names", &NAMES),
        member("Labels", &LABELS),
        member("Tags", &TAGS),
        member("Groups", &GROUPS),
    ],
    traits: &Traits::NONE,
};

const FAILED: &str = "failed to satisfy constraint: ";

fn good() -> Request {
    Request {
        name: Some("ok".into()),
        ..Request::default()
    }
}

fn violations(request: &Request) -> Vec<String> {
    wire::validate(request, true, true)
        .into_iter()
        .map(|it| format!("{} at {}: {}", it.value, it.path, it.constraint))
        .collect()
}

fn strings(values: &[&str]) -> Option<Vec<String>> {
    Some(values.iter().map(|value| (*value).to_owned()).collect())
}

fn labels(entries: &[(&str, &str)]) -> Request {
    let entries = entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Request {
        labels: Some(entries.collect()),
        ..good()
    }
}

#[test]
fn single_values() {
    let request = Request {
        name: Some("Too long".into()),
        count: Some(10),
        secret: Some("hunter2".into()),
        data: Some(Blob(vec![0; 3])),
        ..good()
    };
    assert_eq!(
        violations(&request),
        [
            "'Too long' at name: Member must satisfy regular expression pattern: [a-z]+",
            "'Too long' at name: Member must have length less than or equal to 4",
            "'10' at count: Member must have value less than or equal to 9",
            " at secret: Member must have length less than or equal to 3",
            "'java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]' at data: Member must have length less than or equal to 2",
        ]
    );
    assert_eq!(violations(&good()), [""; 0]);
}

#[test]
fn elements_of_lists_are_told_of_the_list() {
    let all = "[Member must have length less than or equal to 4, Member must have length greater than or equal to 1, \
               Member must satisfy regular expression pattern: [a-z]+]";
    let request = Request {
        names: strings(&["ok", "no!", "yes"]),
        ..good()
    };
    assert_eq!(
        violations(&request),
        [
            "'[ok, no!, yes]' at names: Member must have length less than or equal to 2".to_owned(),
            format!("'[ok, no!, yes]' at names: Member must satisfy constraint: {all}"),
        ]
    );
    let request = Request {
        names: Some(Vec::new()),
        ..good()
    };
    assert_eq!(
        violations(&request),
        ["'[]' at names: Member must have length greater than or equal to 1"]
    );
}

#[test]
fn keys_and_values_of_maps_are_told_of_the_map() {
    let request = labels(&[("A", "RED"), ("b", "GREEN")]);
    assert_eq!(
        violations(&request),
        [
            "'{A=RED, b=GREEN}' at labels: Map keys must satisfy constraint: [Member must have length less than or \
             equal to 4, Member must have length greater than or equal to 1, Member must satisfy regular expression \
             pattern: [a-z]+]",
            "'{A=RED, b=GREEN}' at labels: Map value must satisfy constraint: [Member must satisfy enum value set: \
             [RED, BLUE]]",
        ]
    );
    assert_eq!(violations(&labels(&[("a", "RED")])), [""; 0]);
}

#[test]
fn paths_lead_through_lists_and_maps() {
    let tag = |key: &str| Tag {
        key: Some(key.to_owned()),
    };
    let request = Request {
        tags: Some(vec![tag("a"), Tag::default()]),
        groups: Some(BTreeMap::from([("g".to_owned(), tag("B"))])),
        // A scalar after the nested ones: its path must not have kept theirs.
        count: Some(0),
        ..good()
    };
    assert_eq!(
        violations(&request),
        [
            "'0' at count: Member must have value greater than or equal to 1",
            "null at tags.2.member.key: Member must not be null",
            "'B' at groups.g.member.key: Member must satisfy regular expression pattern: [a-z]+",
        ]
    );
}

#[test]
fn an_answer_is_never_as_large_as_a_request() {
    let request = Request {
        tags: Some(vec![Tag::default(); 100_000]),
        names: Some(vec!["x".repeat(100_000)]),
        ..good()
    };
    let found = wire::validate(&request, true, true);
    assert_eq!(found.len(), 100);
    assert!(found.iter().all(|it| it.value.len() < 100), "{found:?}");
}

struct Create;
struct Worded<const PARAMETER: bool>;
struct Everyone;

static CREATE: OperationSchema = OperationSchema {
    name: "Create",
    typed: true,
    input: &REQUEST,
    output: &prelude::UNIT,
    errors: &[],
    method: "POST",
    uri: "/",
    success_status: 200,
    host_prefix: None,
    result_wrapper: None,
    deprecated: false,
};
static OPERATIONS: [&OperationSchema; 1] = [&CREATE];
static COUNTED: ServiceSchema = service(Wording::Counted);
static PARAMETER: ServiceSchema = service(Wording::Parameter);

const fn service(wording: Wording) -> ServiceSchema {
    ServiceSchema {
        name: "test",
        service_id: "Test",
        signing_name: "test",
        endpoint_prefix: "test",
        target_prefix: "Test",
        api_version: "",
        json_version: "1.1",
        xml_namespace: None,
        query_compatible: false,
        protocols: &[Protocol::Json11],
        operations: &OPERATIONS,
        validation: Validation {
            code: Some("ValidationException"),
            required: true,
            constraints: true,
            wording,
        },
    }
}

impl Operation for Create {
    type Input = Request;
    type Output = wire::Unit;
    const SCHEMA: &'static OperationSchema = &CREATE;
    const SERVICE: &'static ServiceSchema = &COUNTED;
}

impl<const PARAMETER: bool> Handle<Create> for Worded<PARAMETER> {
    fn access(&self, _caller: &Caller, _input: &Request) -> Access {
        Access::action("test:Create")
    }

    async fn handle(&self, _caller: &Caller, _input: Request) -> Result<wire::Unit, Error> {
        Ok(wire::Unit::default())
    }
}

impl<const IS_PARAMETER: bool> Service for Worded<IS_PARAMETER> {
    fn schema(&self) -> &'static ServiceSchema {
        if IS_PARAMETER { &PARAMETER } else { &COUNTED }
    }

    fn call<'a>(
        &'a self,
        call: ServiceCall<'a>,
    ) -> BoxFuture<'a, Result<Box<dyn AnyShape>, Error>> {
        wire::serve::<Create, _>(self, call)
    }
}

impl Authorizer for Everyone {
    fn allow(&self, _caller: &Caller, _ask: &Ask) -> Result<(), Error> {
        Ok(())
    }
}

fn refusal(service: Arc<dyn Service>, request: Request) -> Option<Error> {
    let caller = Caller {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        principal: Principal::Root,
        access_key_id: String::new(),
        request_id: "id".into(),
        source_ip: None,
        user_agent: String::new(),
    };
    wire::call::<Create>(service.as_ref(), &caller, &Everyone, request)
        .now_or_never()
        .expect("nothing waits")
        .err()
}

#[test]
fn sentences_are_counted_and_joined() {
    let one = Request::default();
    let error = refusal(Arc::new(Worded::<false>), one).expect("refused");
    assert_eq!((&*error.code, error.status), ("ValidationException", 400));
    assert_eq!(
        error.message,
        format!(
            "1 validation error detected: Value null at 'name' {FAILED}Member must not be null"
        )
    );

    let several = Request {
        name: Some(String::new()),
        secret: Some("hunter2".into()),
        ..Request::default()
    };
    let error = refusal(Arc::new(Worded::<false>), several).expect("refused");
    assert_eq!(
        error.message,
        format!(
            "3 validation errors detected: \
             Value '' at 'name' {FAILED}Member must satisfy regular expression pattern: [a-z]+; \
             Value '' at 'name' {FAILED}Member must have length greater than or equal to 1; \
             Value at 'secret' {FAILED}Member must have length less than or equal to 3"
        )
    );
    assert_eq!(refusal(Arc::new(Worded::<false>), good()), None);
}

#[test]
fn a_service_with_words_of_its_own() {
    let long = Request {
        name: Some("Too long".into()),
        ..Request::default()
    };
    let error = refusal(Arc::new(Worded::<true>), long).expect("refused");
    assert_eq!(
        error.message,
        format!("Invalid parameter at 'name' {FAILED}'must have length less than or equal to 4'")
    );
    // Its patterns are the operations' own.
    let odd = Request {
        name: Some("A!".into()),
        ..Request::default()
    };
    assert_eq!(refusal(Arc::new(Worded::<true>), odd), None);
}

/// Patterns of the pinned models that are beyond the engine: looking around, and programs that grow too large.
const PATTERNS_NOT_CHECKED_MAX: usize = 35;

#[test]
fn nearly_every_pattern_of_the_models_is_checked() {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../models");
    let (mut checked, mut unchecked) = (0, Vec::new());
    for folder in std::fs::read_dir(models).expect("the models") {
        let folder = folder.expect("an entry").path();
        let Ok(text) = std::fs::read_to_string(folder.join("service-2.json")) else {
            continue;
        };
        let model: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let service = folder.file_name().expect("a name").to_string_lossy();
        for (name, shape) in model["shapes"].as_object().expect("shapes") {
            let Some(pattern) = shape["pattern"].as_str() else {
                continue;
            };
            let pattern: &'static str = Box::leak(pattern.to_owned().into_boxed_str());
            match wire::matches_pattern(pattern, "x") {
                Some(_) => checked += 1,
                None => unchecked.push(format!("{service} {name}: {pattern}")),
            }
        }
    }
    assert!(checked > 500, "only {checked} patterns");
    assert!(
        unchecked.len() <= PATTERNS_NOT_CHECKED_MAX,
        "{}: {unchecked:#?}",
        unchecked.len()
    );
    let served = |it: &&String| {
        ["ecs ", "ecr ", "logs "]
            .iter()
            .any(|name| it.starts_with(name))
    };
    assert_eq!(unchecked.iter().find(served), None);
}
