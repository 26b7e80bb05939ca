//! `schemas.rs`: a static for each shape that says more than its kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::model::{MemberModel, Model, ShapeModel, XmlNamespaceModel};
use super::names::constant;

pub struct Schemas<'a> {
    model: &'a Model,
    /// Shape and (where a member overrides it) timestamp format → name of the static.
    statics: BTreeMap<(String, Option<String>), String>,
}

impl<'a> Schemas<'a> {
    pub fn new(model: &'a Model, reachable: &BTreeSet<String>) -> Self {
        let mut keys: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        for name in reachable {
            keys.insert((name.clone(), None));
            let overridden = model.shapes[name]
                .references()
                .filter(|member| member.timestamp_format.is_some())
                .map(|member| (member.shape.clone(), member.timestamp_format.clone()));
            keys.extend(overridden);
        }
        let mut statics = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for (shape, format) in keys {
            if format.is_none() && plain(&model.shapes[&shape]).is_some() {
                continue;
            }
            let mut name = constant(&shape);
            if let Some(format) = &format {
                name = format!("{name}_{}", constant(format));
            }
            // Models tell `IPAddress` and `IpAddress` apart.
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            statics.insert((shape, format), name);
        }
        Schemas { model, statics }
    }

    /// The expression that refers to a shape's schema from outside of `schemas.rs`.
    pub fn reference(&self, shape: &str, format: Option<&String>) -> String {
        let local = self.local(shape, format);
        if local.starts_with("&prelude::") {
            local
        } else {
            local.replacen('&', "&schemas::", 1)
        }
    }

    pub fn emit(&self) -> Result<String> {
        let mut body = String::new();
        for ((shape, format), name) in &self.statics {
            let model = &self.model.shapes[shape];
            let kind = kind(model)?;
            let members = self.members(model)?;
            let traits = shape_traits(shape, model, format.as_ref())?;
            let _ = write!(
                body,
                "\npub static {name}: Schema = Schema {{ name: {shape:?}, kind: Kind::{kind}, members: &[{members}], \
                 traits: {traits} }};\n"
            );
        }
        let mut imports = vec!["Kind", "Schema", "Traits"];
        for name in [
            "ErrorTraits",
            "Fault",
            "Location",
            "Member",
            "TimestampFormat",
            "prelude",
        ] {
            if body.contains(&format!("{name}::")) || body.contains(&format!("{name} {{")) {
                imports.push(name);
            }
        }
        imports.sort_by_key(|name| (name.starts_with('p'), *name));
        Ok(format!(
            "//! The static schemas of the shapes.\n\nuse wire::{{{}}};\n{body}",
            imports.join(", ")
        ))
    }

    fn local(&self, shape: &str, format: Option<&String>) -> String {
        match self.statics.get(&(shape.to_owned(), format.cloned())) {
            Some(name) => format!("&{name}"),
            None => format!(
                "&prelude::{}",
                plain(&self.model.shapes[shape]).unwrap_or("UNIT")
            ),
        }
    }

    fn members(&self, shape: &ShapeModel) -> Result<String> {
        let mut out = String::new();
        if shape.document {
            return Ok(out);
        }
        let parts = shape.member.iter().map(|it| ("member", it));
        let parts = parts.chain(shape.key.iter().map(|it| ("key", it)));
        let parts = parts.chain(shape.value.iter().map(|it| ("value", it)));
        let parts = parts.chain(shape.members.iter().map(|(name, it)| (name.as_str(), it)));
        for (name, member) in parts {
            let target = self.local(&member.shape, member.timestamp_format.as_ref());
            let traits = member_traits(
                member,
                shape.required.iter().any(|required| required == name),
            )?;
            let _ = write!(
                out,
                "Member {{ name: {name:?}, target: {target}, traits: {traits} }}, "
            );
        }
        Ok(out)
    }
}

/// The shared schema of a shape that says nothing but its kind.
fn plain(shape: &ShapeModel) -> Option<&'static str> {
    let says_more = shape.min.is_some()
        || shape.max.is_some()
        || shape.pattern.is_some()
        || !shape.values.is_empty()
        || shape.timestamp_format.is_some()
        || shape.location_name.is_some()
        || shape.sensitive
        || shape.streaming
        || shape.xml_namespace.is_some();
    if says_more {
        return None;
    }
    Some(match shape.kind.as_str() {
        "string" | "character" => "STRING",
        "integer" => "INTEGER",
        "long" => "LONG",
        "float" => "FLOAT",
        "double" => "DOUBLE",
        "boolean" => "BOOLEAN",
        "timestamp" => "TIMESTAMP",
        "blob" => "BLOB",
        "structure" if shape.document => "DOCUMENT",
        _ => return None,
    })
}

fn kind(shape: &ShapeModel) -> Result<&'static str> {
    Ok(match shape.kind.as_str() {
        "structure" if shape.document => "Document",
        "structure" => "Structure",
        "list" => "List",
        "map" => "Map",
        "string" | "character" => "String",
        "integer" => "Integer",
        "long" => "Long",
        "float" => "Float",
        "double" => "Double",
        "boolean" => "Boolean",
        "timestamp" => "Timestamp",
        "blob" => "Blob",
        other => bail!("the type {other} is not known"),
    })
}

fn shape_traits(name: &str, shape: &ShapeModel, format: Option<&String>) -> Result<String> {
    let mut fields = Vec::new();
    for (set, field) in [
        (shape.sensitive, "sensitive"),
        (shape.flattened, "flattened"),
        (shape.streaming, "streaming"),
        (shape.eventstream, "event_stream"),
        (shape.union, "union"),
    ] {
        if set {
            fields.push(format!("{field}: true"));
        }
    }
    if let Some(min) = shape.min {
        fields.push(format!("min: Some({min:?})"));
    }
    if let Some(max) = shape.max {
        fields.push(format!("max: Some({max:?})"));
    }
    if let Some(pattern) = &shape.pattern {
        fields.push(format!("pattern: Some({pattern:?})"));
    }
    if !shape.values.is_empty() {
        fields.push(format!("enum_values: &{:?}", shape.values));
    }
    fields.extend(timestamp_format(
        format.or(shape.timestamp_format.as_ref()),
    )?);
    if let Some(payload) = &shape.payload {
        fields.push(format!("payload: Some({payload:?})"));
    }
    if let Some(location_name) = &shape.location_name {
        fields.push(format!("location_name: Some({location_name:?})"));
    }
    fields.extend(xml_namespace(shape.xml_namespace.as_ref()));
    if shape.exception {
        let code = shape
            .error
            .as_ref()
            .and_then(|error| error.code.clone())
            .unwrap_or_else(|| name.to_owned());
        let sender = shape.error.as_ref().is_some_and(|error| error.sender_fault);
        let server = shape.fault && !sender;
        let status = shape
            .error
            .as_ref()
            .and_then(|error| error.http_status_code);
        let status = status.unwrap_or(if server { 500 } else { 400 });
        let fault = if server { "Server" } else { "Client" };
        let message_member = if shape.members.contains_key("Message") {
            "Message"
        } else {
            "message"
        };
        fields.push(format!(
            "error: Some(ErrorTraits {{ code: {code:?}, status: {status}, fault: Fault::{fault}, \
             message_member: {message_member:?} }})"
        ));
    }
    Ok(literal(fields))
}

fn member_traits(member: &MemberModel, required: bool) -> Result<String> {
    let mut fields = Vec::new();
    for (set, field) in [
        (required, "required"),
        (member.idempotency_token, "idempotency_token"),
        (member.flattened, "flattened"),
        (member.streaming, "streaming"),
        (member.jsonvalue, "json_value"),
        (member.host_label, "host_label"),
        (member.xml_attribute, "xml_attribute"),
    ] {
        if set {
            fields.push(format!("{field}: true"));
        }
    }
    if let Some(name) = &member.location_name {
        fields.push(format!("location_name: Some({name:?})"));
    }
    if let Some(name) = &member.query_name {
        fields.push(format!("query_name: Some({name:?})"));
    }
    if let Some(location) = &member.location {
        let location = match location.as_str() {
            "header" => "Header",
            "headers" => "Headers",
            "uri" => "Uri",
            "querystring" => "Querystring",
            "statusCode" => "StatusCode",
            other => bail!("the location {other} is not known"),
        };
        fields.push(format!("location: Location::{location}"));
    }
    fields.extend(xml_namespace(member.xml_namespace.as_ref()));
    Ok(literal(fields))
}

fn timestamp_format(format: Option<&String>) -> Result<Option<String>> {
    let Some(format) = format else {
        return Ok(None);
    };
    let variant = match format.as_str() {
        "unixTimestamp" => "UnixTimestamp",
        "iso8601" => "Iso8601",
        "rfc822" => "Rfc822",
        other => bail!("the timestamp format {other} is not known"),
    };
    Ok(Some(format!(
        "timestamp_format: Some(TimestampFormat::{variant})"
    )))
}

fn xml_namespace(namespace: Option<&XmlNamespaceModel>) -> Option<String> {
    let (prefix, uri) = match namespace? {
        XmlNamespaceModel::Uri(uri) => ("", uri),
        XmlNamespaceModel::Full { uri, prefix } => (prefix.as_deref().unwrap_or_default(), uri),
    };
    Some(format!("xml_namespace: Some(({prefix:?}, {uri:?}))"))
}

fn literal(fields: Vec<String>) -> String {
    if fields.is_empty() {
        return "&Traits::NONE".to_owned();
    }
    format!("&Traits {{ {}, ..Traits::NONE }}", fields.join(", "))
}
