//! Shapes that are made at run time from the schemas of test cases.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::{Value as Json, json};
use wire::{
    AnyShape, DecodeError, Document, ErrorTraits, Fault, Kind, Location, Member, Reader, Schema,
    Slot, Timestamp, TimestampFormat, Traits, Value, Writer, read_structure,
};

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn leak_text(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// Builds static schemas from a case's shapes. Recursive shapes are unrolled a few levels, deeper than any case.
pub struct Schemas<'a> {
    pub shapes: &'a Json,
    open: HashMap<String, usize>,
}

const UNROLLED_LEVELS: usize = 5;

impl<'a> Schemas<'a> {
    pub fn new(shapes: &'a Json) -> Self {
        Schemas {
            shapes,
            open: HashMap::new(),
        }
    }

    pub fn schema(&mut self, reference: &Json) -> &'static Schema {
        let name = reference["shape"]
            .as_str()
            .expect("a reference names a shape");
        let mut shape = self.shapes[name].clone();
        // botocore lays what is said of the reference over the shape.
        if let (Some(shape), Some(reference)) = (shape.as_object_mut(), reference.as_object()) {
            let is_overlaid =
                |key: &str| matches!(key, "timestampFormat" | "xmlNamespace" | "flattened");
            shape.extend(
                reference
                    .iter()
                    .filter(|(key, _)| is_overlaid(key))
                    .map(|(key, it)| (key.clone(), it.clone())),
            );
        }
        let level = self.open.entry(name.to_owned()).or_default();
        *level += 1;
        let members = if *level > UNROLLED_LEVELS {
            Vec::new()
        } else {
            self.members(&shape)
        };
        *self.open.get_mut(name).expect("entered above") -= 1;
        leak(Schema {
            name: leak_text(name),
            kind: kind(&shape),
            members: Box::leak(members.into_boxed_slice()),
            traits: leak(traits(name, &shape)),
        })
    }

    fn members(&mut self, shape: &Json) -> Vec<Member> {
        let mut parts: Vec<(String, Json)> = Vec::new();
        for name in ["member", "key", "value"] {
            if shape[name].is_object() {
                parts.push((name.to_owned(), shape[name].clone()));
            }
        }
        for (name, member) in shape["members"].as_object().into_iter().flatten() {
            parts.push((name.clone(), member.clone()));
        }
        parts
            .into_iter()
            .map(|(name, member)| Member {
                name: leak_text(&name),
                target: self.schema(&member),
                traits: leak(member_traits(&member)),
            })
            .collect()
    }
}

fn kind(shape: &Json) -> Kind {
    match shape["type"].as_str().expect("a shape has a type") {
        "structure" if shape["document"] == true => Kind::Document,
        "structure" => Kind::Structure,
        "list" => Kind::List,
        "map" => Kind::Map,
        "string" | "character" => Kind::String,
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "float" => Kind::Float,
        "double" => Kind::Double,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "blob" => Kind::Blob,
        other => panic!("the type {other} is not known"),
    }
}

fn optional_text(value: &Json) -> Option<&'static str> {
    value.as_str().map(leak_text)
}

fn namespace(value: &Json) -> Option<(&'static str, &'static str)> {
    match value {
        Json::String(uri) => Some(("", leak_text(uri))),
        Json::Object(parts) => Some((
            parts
                .get("prefix")
                .and_then(optional_text)
                .unwrap_or_default(),
            parts.get("uri").and_then(optional_text)?,
        )),
        _ => None,
    }
}

fn traits(name: &str, shape: &Json) -> Traits {
    let error = shape["exception"] == true;
    let server = shape["fault"] == true;
    Traits {
        flattened: shape["flattened"] == true,
        union: shape["union"] == true,
        timestamp_format: shape["timestampFormat"]
            .as_str()
            .map(|format| match format {
                "iso8601" => TimestampFormat::Iso8601,
                "rfc822" => TimestampFormat::Rfc822,
                _ => TimestampFormat::UnixTimestamp,
            }),
        payload: optional_text(&shape["payload"]),
        xml_namespace: namespace(&shape["xmlNamespace"]),
        location_name: optional_text(&shape["locationName"]),
        error: error.then(|| ErrorTraits {
            code: optional_text(&shape["error"]["code"]).unwrap_or(leak_text(name)),
            status: shape["error"]["httpStatusCode"]
                .as_u64()
                .map_or(if server { 500 } else { 400 }, |it| it as u16),
            fault: if server { Fault::Server } else { Fault::Client },
            message_member: if shape["members"]["Message"].is_object() {
                "Message"
            } else {
                "message"
            },
        }),
        ..Traits::NONE
    }
}

fn member_traits(member: &Json) -> Traits {
    Traits {
        flattened: member["flattened"] == true,
        json_value: member["jsonvalue"] == true,
        xml_attribute: member["xmlAttribute"] == true,
        xml_namespace: namespace(&member["xmlNamespace"]),
        location_name: optional_text(&member["locationName"]),
        query_name: optional_text(&member["queryName"]),
        location: match member["location"].as_str() {
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            Some("uri") => Location::Uri,
            Some("querystring") => Location::Querystring,
            Some("statusCode") => Location::StatusCode,
            _ => Location::Body,
        },
        ..Traits::NONE
    }
}

/// A structure of any schema.
#[derive(Clone)]
pub struct Dynamic {
    schema: &'static Schema,
    members: Vec<Option<Any>>,
}

/// A value of any schema.
#[derive(Clone)]
pub enum Any {
    Structure(Dynamic),
    List(Vec<Any>),
    Map(BTreeMap<String, Any>),
    String(String),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Timestamp(Timestamp),
    Blob(Vec<u8>),
    Document(Document),
}

impl Dynamic {
    pub fn new(schema: &'static Schema) -> Self {
        Dynamic {
            schema,
            members: schema.members.iter().map(|_| None).collect(),
        }
    }

    /// From botocore's notation of values.
    pub fn from_parameters(schema: &'static Schema, parameters: &Json) -> Self {
        let mut shape = Dynamic::new(schema);
        for (index, member) in schema.members.iter().enumerate() {
            let value = &parameters[member.name];
            if !value.is_null() {
                let text = Json::String(value.to_string());
                let value = if member.traits.json_value && !value.is_string() {
                    &text
                } else {
                    value
                };
                shape.members[index] = Some(Any::from_parameters(member.target, value));
            }
        }
        shape
    }

    /// In botocore's notation of values.
    pub fn parameters(&self) -> Json {
        let set = self.schema.members.iter().zip(&self.members);
        let entries = set.filter_map(|(member, value)| {
            Some((member.name.to_owned(), value.as_ref()?.parameters()))
        });
        Json::Object(entries.collect())
    }
}

impl Any {
    fn from_parameters(schema: &'static Schema, value: &Json) -> Self {
        let element = |value: &Json| Any::from_parameters(schema.element().target, value);
        match schema.kind {
            Kind::Structure => Any::Structure(Dynamic::from_parameters(schema, value)),
            Kind::List => Any::List(
                value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|it| !it.is_null())
                    .map(element)
                    .collect(),
            ),
            Kind::Map => {
                let entries = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(_, it)| !it.is_null());
                Any::Map(
                    entries
                        .map(|(key, it)| (key.clone(), element(it)))
                        .collect(),
                )
            }
            Kind::String => Any::String(value.as_str().expect("a string").to_owned()),
            Kind::Integer | Kind::Long => Any::Integer(value.as_i64().expect("an integer")),
            Kind::Float | Kind::Double => Any::Double(match value.as_str() {
                Some("NaN") => f64::NAN,
                Some("Infinity") => f64::INFINITY,
                Some(_) => f64::NEG_INFINITY,
                None => value.as_f64().expect("a number"),
            }),
            Kind::Boolean => Any::Boolean(value.as_bool().expect("a boolean")),
            Kind::Timestamp => Any::Timestamp(
                Timestamp::from_seconds_f64(value.as_f64().expect("seconds")).expect("in range"),
            ),
            Kind::Blob => Any::Blob(value.as_str().expect("bytes as text").as_bytes().to_vec()),
            Kind::Document => {
                Any::Document(serde_json::from_value(value.clone()).expect("any JSON"))
            }
        }
    }

    fn parameters(&self) -> Json {
        match self {
            Any::Structure(shape) => shape.parameters(),
            Any::List(elements) => elements.iter().map(Any::parameters).collect(),
            Any::Map(entries) => entries
                .iter()
                .map(|(key, it)| (key.clone(), it.parameters()))
                .collect(),
            Any::String(text) => json!(text),
            Any::Integer(value) => json!(value),
            Any::Double(value) if value.is_nan() => json!("NaN"),
            Any::Double(value) if value.is_infinite() => json!(if *value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            }),
            Any::Double(value) => json!(value),
            Any::Boolean(value) => json!(value),
            Any::Timestamp(value) => json!(value.as_seconds_f64()),
            Any::Blob(bytes) => json!(String::from_utf8_lossy(bytes)),
            Any::Document(document) => document_json(document),
        }
    }
}

fn document_json(document: &Document) -> Json {
    match document {
        Document::Null => Json::Null,
        Document::Boolean(value) => json!(value),
        Document::Integer(value) => json!(value),
        Document::Double(value) => json!(value),
        Document::String(text) => json!(text),
        Document::Bytes(bytes) => json!(String::from_utf8_lossy(bytes)),
        Document::Time(time) => json!(time.as_seconds_f64()),
        Document::List(elements) => elements.iter().map(document_json).collect(),
        Document::Map(entries) => entries
            .iter()
            .map(|(key, it)| (key.clone(), document_json(it)))
            .collect(),
    }
}

impl fmt::Debug for Dynamic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.parameters())
    }
}

impl AnyShape for Dynamic {
    fn schema(&self) -> &'static Schema {
        self.schema
    }

    fn member(&self, index: usize) -> Option<&dyn Slot> {
        self.members.get(index).map(|slot| slot as &dyn Slot)
    }

    fn member_mut(&mut self, index: usize) -> Option<&mut dyn Slot> {
        self.members
            .get_mut(index)
            .map(|slot| slot as &mut dyn Slot)
    }
}

impl Value for Any {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        match self {
            Any::Structure(shape) => {
                writer.begin_structure(schema);
                for (index, member) in schema.members.iter().enumerate() {
                    if let Some(value) = &shape.members[index] {
                        writer.member(member);
                        value.write_value(member.target, writer);
                    }
                }
                writer.end_structure();
            }
            Any::List(elements) => elements.write_value(schema, writer),
            Any::Map(entries) => entries.write_value(schema, writer),
            Any::String(text) => writer.string(schema, text),
            Any::Integer(value) => writer.integer(schema, *value),
            Any::Double(value) => writer.double(schema, *value),
            Any::Boolean(value) => writer.boolean(schema, *value),
            Any::Timestamp(value) => writer.timestamp(schema, *value),
            Any::Blob(bytes) => writer.blob(schema, bytes),
            Any::Document(document) => writer.document(document),
        }
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        Ok(match schema.kind {
            Kind::Structure => {
                let mut shape = Dynamic::new(schema);
                read_structure(&mut shape, reader)?;
                Any::Structure(shape)
            }
            Kind::List => Any::List(Vec::read_value(schema, reader)?),
            Kind::Map => Any::Map(BTreeMap::read_value(schema, reader)?),
            Kind::String => Any::String(reader.string(schema)?),
            Kind::Integer | Kind::Long => Any::Integer(reader.integer(schema)?),
            Kind::Float | Kind::Double => Any::Double(reader.double(schema)?),
            Kind::Boolean => Any::Boolean(reader.boolean(schema)?),
            Kind::Timestamp => Any::Timestamp(reader.timestamp(schema)?),
            Kind::Blob => Any::Blob(reader.blob(schema)?),
            Kind::Document => Any::Document(reader.document()?),
        })
    }
}
