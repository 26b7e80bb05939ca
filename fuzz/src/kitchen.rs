//! Shapes that have every kind, trait and location, and a service of them in each protocol.

use std::collections::BTreeMap;
use std::sync::Arc;

use wire::{
    Blob, Document, ErrorTraits, Fault, Kind, Location, Member, OperationSchema, Protocol, Schema,
    ServiceSchema, Timestamp, TimestampFormat, Traits, Validation, Wording, prelude,
};

wire::string_enum!(Colour { RED = "RED", GREEN = "GREEN" });

#[derive(Clone, Default, PartialEq)]
pub struct Everything {
    pub text: Option<String>,
    pub short: Option<String>,
    pub colour: Option<Colour>,
    pub integer: Option<i32>,
    pub long: Option<i64>,
    pub float: Option<f64>,
    pub double: Option<f64>,
    pub flag: Option<bool>,
    pub unix: Option<Timestamp>,
    pub iso: Option<Timestamp>,
    pub rfc: Option<Timestamp>,
    pub bytes: Option<Blob>,
    pub document: Option<Document>,
    pub list: Option<Vec<String>>,
    pub flat: Option<Vec<i64>>,
    pub shapes: Option<Vec<Everything>>,
    pub map: Option<BTreeMap<String, String>>,
    pub flat_map: Option<BTreeMap<String, Everything>>,
    pub nested: Option<Arc<Everything>>,
    pub json: Option<String>,
    pub secret: Option<String>,
}

wire::shape!(Everything, EVERYTHING, {
    0 => text, 1 => short, 2 => colour, 3 => integer, 4 => long, 5 => float, 6 => double, 7 => flag,
    8 => unix, 9 => iso, 10 => rfc, 11 => bytes, 12 => document, 13 => list, 14 => flat, 15 => shapes,
    16 => map, 17 => flat_map, 18 => nested, 19 => json, 20 => secret,
});

/// What travels outside of the body.
#[derive(Clone, Default, PartialEq)]
pub struct Located {
    pub label: Option<String>,
    pub rest: Option<String>,
    pub header: Option<Timestamp>,
    pub header_list: Option<Vec<String>>,
    pub headers: Option<BTreeMap<String, String>>,
    pub number: Option<f64>,
    pub times: Option<Vec<Timestamp>>,
    pub parameters: Option<BTreeMap<String, String>>,
    pub body: Option<Everything>,
}

wire::shape!(Located, LOCATED, {
    0 => label, 1 => rest, 2 => header, 3 => header_list, 4 => headers, 5 => number, 6 => times,
    7 => parameters, 8 => body,
});

const fn plain(name: &'static str, target: &'static Schema) -> Member {
    Member {
        name,
        target,
        traits: &Traits::NONE,
    }
}

const fn shape(name: &'static str, kind: Kind, traits: &'static Traits) -> Schema {
    Schema {
        name,
        kind,
        members: &[],
        traits,
    }
}

const fn time(format: TimestampFormat) -> Traits {
    Traits {
        timestamp_format: Some(format),
        ..Traits::NONE
    }
}

pub static EVERYTHING: Schema = Schema {
    name: "Everything",
    kind: Kind::Structure,
    traits: &Traits::NONE,
    members: &[
        Member {
            name: "text",
            target: &prelude::STRING,
            traits: &Traits {
                required: true,
                ..Traits::NONE
            },
        },
        plain("short", &SHORT),
        plain("colour", &COLOUR),
        plain("integer", &SMALL),
        Member {
            name: "long",
            target: &prelude::LONG,
            traits: &Traits {
                query_name: Some("L"),
                ..Traits::NONE
            },
        },
        plain("float", &prelude::FLOAT),
        plain("double", &prelude::DOUBLE),
        plain("flag", &prelude::BOOLEAN),
        plain("unix", &UNIX),
        plain("iso", &ISO),
        plain("rfc", &RFC),
        plain("bytes", &prelude::BLOB),
        plain("document", &prelude::DOCUMENT),
        plain("list", &LIST),
        Member {
            name: "flat",
            target: &FLAT,
            traits: &Traits {
                flattened: true,
                location_name: Some("f"),
                ..Traits::NONE
            },
        },
        plain("shapes", &SHAPES),
        plain("map", &MAP),
        Member {
            name: "flatMap",
            target: &FLAT_MAP,
            traits: &Traits {
                flattened: true,
                ..Traits::NONE
            },
        },
        plain("nested", &EVERYTHING),
        Member {
            name: "json",
            target: &prelude::STRING,
            traits: &Traits {
                json_value: true,
                ..Traits::NONE
            },
        },
        Member {
            name: "secret",
            target: &SECRET,
            traits: &Traits {
                xml_attribute: true,
                ..Traits::NONE
            },
        },
    ],
};

static SHORT: Schema = shape(
    "Short",
    Kind::String,
    &Traits {
        min: Some(1.0),
        max: Some(4.0),
        pattern: Some("^[a-z]+$"),
        ..Traits::NONE
    },
);
static SECRET: Schema = shape(
    "Secret",
    Kind::String,
    &Traits {
        sensitive: true,
        max: Some(3.0),
        ..Traits::NONE
    },
);
static COLOUR: Schema = shape(
    "Colour",
    Kind::String,
    &Traits {
        enum_values: &["RED", "GREEN"],
        ..Traits::NONE
    },
);
static SMALL: Schema = shape(
    "Small",
    Kind::Integer,
    &Traits {
        min: Some(0.0),
        max: Some(99.0),
        ..Traits::NONE
    },
);
static UNIX: Schema = shape(
    "Unix",
    Kind::Timestamp,
    &time(TimestampFormat::UnixTimestamp),
);
static ISO: Schema = shape("Iso", Kind::Timestamp, &time(TimestampFormat::Iso8601));
static RFC: Schema = shape("Rfc", Kind::Timestamp, &time(TimestampFormat::Rfc822));
static LIST: Schema = Schema {
    name: "List",
    kind: Kind::List,
    members: &[plain("member", &SHORT)],
    traits: &Traits {
        max: Some(3.0),
        ..Traits::NONE
    },
};
static FLAT: Schema = Schema {
    name: "Flat",
    kind: Kind::List,
    members: &[plain("member", &prelude::LONG)],
    traits: &Traits::NONE,
};
static SHAPES: Schema = Schema {
    name: "Shapes",
    kind: Kind::List,
    members: &[plain("member", &EVERYTHING)],
    traits: &Traits::NONE,
};
static TIMES: Schema = Schema {
    name: "Times",
    kind: Kind::List,
    members: &[plain("member", &prelude::TIMESTAMP)],
    traits: &Traits::NONE,
};
static MAP: Schema = Schema {
    name: "Map",
    kind: Kind::Map,
    members: &[plain("key", &SHORT), plain("value", &prelude::STRING)],
    traits: &Traits::NONE,
};
static FLAT_MAP: Schema = Schema {
    name: "FlatMap",
    kind: Kind::Map,
    members: &[plain("key", &prelude::STRING), plain("value", &EVERYTHING)],
    traits: &Traits::NONE,
};

const fn located(name: &'static str, target: &'static Schema, traits: &'static Traits) -> Member {
    Member {
        name,
        target,
        traits,
    }
}

pub static LOCATED: Schema = Schema {
    name: "Located",
    kind: Kind::Structure,
    traits: &Traits {
        payload: Some("body"),
        ..Traits::NONE
    },
    members: &[
        located(
            "label",
            &prelude::STRING,
            &Traits {
                required: true,
                location: Location::Uri,
                location_name: Some("Label"),
                ..Traits::NONE
            },
        ),
        located(
            "rest",
            &prelude::STRING,
            &Traits {
                location: Location::Uri,
                location_name: Some("Rest"),
                ..Traits::NONE
            },
        ),
        located(
            "header",
            &prelude::TIMESTAMP,
            &Traits {
                location: Location::Header,
                location_name: Some("x-time"),
                ..Traits::NONE
            },
        ),
        located(
            "headerList",
            &LIST,
            &Traits {
                location: Location::Header,
                location_name: Some("x-list"),
                ..Traits::NONE
            },
        ),
        located(
            "headers",
            &MAP,
            &Traits {
                location: Location::Headers,
                location_name: Some("x-meta-"),
                ..Traits::NONE
            },
        ),
        located(
            "number",
            &prelude::DOUBLE,
            &Traits {
                location: Location::Querystring,
                location_name: Some("n"),
                ..Traits::NONE
            },
        ),
        located(
            "times",
            &TIMES,
            &Traits {
                location: Location::Querystring,
                location_name: Some("t"),
                ..Traits::NONE
            },
        ),
        located(
            "parameters",
            &MAP,
            &Traits {
                location: Location::Querystring,
                ..Traits::NONE
            },
        ),
        located("body", &EVERYTHING, &Traits::NONE),
    ],
};

pub static GONE: Schema = Schema {
    name: "GoneException",
    kind: Kind::Structure,
    members: &[plain("message", &prelude::STRING)],
    traits: &Traits {
        error: Some(ErrorTraits {
            code: "Gone",
            status: 410,
            fault: Fault::Client,
            message_member: "message",
        }),
        ..Traits::NONE
    },
};

static GONE_ONLY: [&Schema; 1] = [&GONE];

const fn operation(
    name: &'static str,
    input: &'static Schema,
    method: &'static str,
    uri: &'static str,
) -> OperationSchema {
    OperationSchema {
        name,
        typed: true,
        input,
        output: input,
        errors: &GONE_ONLY,
        method,
        uri,
        success_status: 200,
        host_prefix: Some("data-"),
        result_wrapper: Some("Result"),
        deprecated: false,
    }
}

static BODY: OperationSchema = operation("Body", &EVERYTHING, "POST", "/");
static REST_BODY: OperationSchema = operation("RestBody", &EVERYTHING, "POST", "/body");
static REST: OperationSchema = operation("Rest", &LOCATED, "PUT", "/rest/{Label}/{Rest+}?fixed=1");

const fn service(
    name: &'static str,
    api_version: &'static str,
    protocols: &'static [Protocol],
    operations: &'static [&'static OperationSchema],
) -> ServiceSchema {
    ServiceSchema {
        name,
        service_id: "Kitchen",
        signing_name: name,
        endpoint_prefix: name,
        target_prefix: "Kitchen",
        api_version,
        json_version: "1.1",
        xml_namespace: Some("https://kitchen/"),
        query_compatible: true,
        protocols,
        operations,
        validation: Validation {
            code: Some("ValidationException"),
            required: true,
            constraints: true,
            wording: Wording::Counted,
        },
    }
}

pub static SERVICES: [&ServiceSchema; 4] = [
    &service(
        "kitchen",
        "2026-01-01",
        &[Protocol::Json11, Protocol::RpcV2Cbor],
        &[&BODY],
    ),
    &service("query", "2026-01-02", &[Protocol::Query], &[&BODY]),
    &service("ec2", "2026-01-03", &[Protocol::Ec2], &[&BODY]),
    &service(
        "rest",
        "2026-01-04",
        &[Protocol::RestJson],
        &[&REST_BODY, &REST],
    ),
];
