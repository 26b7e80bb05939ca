//! REST-JSON: members travel in path, query string, headers and body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Response};

use crate::json::{self, JsonWriter};
use crate::reader::{EachElement, EachEntry, EachMember, Reader};
use crate::rest_text::TextWriter;
use crate::tree::{Dialect, TreeReader};
use crate::{
    AnyShape, DecodeError, Document, Error, HttpRequest, HttpResponse, Kind, Location, Member,
    OperationSchema, Schema, Timestamp, Writer, form, json_rpc, read_structure,
};

/// The labels of a URI template that a path fills, or `None` if it is another path.
pub(crate) fn match_path(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let template = template.split('?').next().unwrap_or(template);
    let mut labels = Vec::new();
    let mut steps = path.trim_start_matches('/').split('/');
    let mut wanted = template.trim_start_matches('/').split('/').peekable();
    while let Some(want) = wanted.next() {
        let Some(label) = want
            .strip_prefix('{')
            .and_then(|want| want.strip_suffix('}'))
        else {
            if steps.next() != Some(want) {
                return None;
            }
            continue;
        };
        let Some(greedy) = label.strip_suffix('+') else {
            let step = steps.next().filter(|step| !step.is_empty())?;
            labels.push((label.to_owned(), form::unescape(step, false)));
            continue;
        };
        let rest: Vec<&str> = steps.collect();
        let after: Vec<&str> = wanted.collect();
        let taken = rest
            .len()
            .checked_sub(after.len())
            .filter(|taken| *taken > 0)?;
        if rest[taken..] != after[..] {
            return None;
        }
        labels.push((
            greedy.to_owned(),
            form::unescape(&rest[..taken].join("/"), false),
        ));
        return Some(labels);
    }
    steps.next().is_none().then_some(labels)
}

/// Whether the query string has what a template such as `/path?list-type=2` asks for.
pub(crate) fn match_query(template: &str, query: &str) -> bool {
    let Some((_, wanted)) = template.split_once('?') else {
        return true;
    };
    let sent: Vec<(String, String)> = form::pairs(query).collect();
    form::pairs(wanted).all(|pair| sent.contains(&pair))
}

pub(crate) fn read_into(
    shape: &mut dyn AnyShape,
    operation: &OperationSchema,
    request: &HttpRequest<'_>,
) -> Result<(), DecodeError> {
    let schema = shape.schema();
    let labels = match_path(operation.uri, request.path).unwrap_or_default();
    let query: Vec<(String, String)> = form::pairs(request.query).collect();
    let mut body = match schema.traits.payload {
        Some(_) => Document::Null,
        None if schema
            .members
            .iter()
            .any(|member| member.traits.location == Location::Body) =>
        {
            json::parse(request.body)?
        }
        None => Document::Null,
    };
    let mut parts = Vec::new();
    for member in schema.members {
        let name = member.wire_name();
        let part = match member.traits.location {
            _ if schema.traits.payload == Some(member.name) => payload(member, request)?,
            Location::Uri => labels
                .iter()
                .find(|(label, _)| label == name)
                .map(|(_, text)| text_part(text)),
            Location::Querystring => query_part(member, &query),
            Location::Header => header_part(member, request)?,
            Location::Headers => headers_part(name, request),
            Location::StatusCode => None,
            Location::Body => take_entry(&mut body, name)?.map(|node| (node, Dialect::Json)),
        };
        parts.push(part);
    }
    read_structure(shape, &mut Parts { parts })
}

type Part = Option<(Document, Dialect)>;

fn take_entry(body: &mut Document, name: &str) -> Result<Option<Document>, DecodeError> {
    match body {
        Document::Map(entries) => Ok(entries.remove(name)),
        Document::Null => Ok(None),
        _ => Err(DecodeError::new("Unexpected value type in payload")),
    }
}

fn text_part(text: &str) -> (Document, Dialect) {
    (Document::String(text.to_owned()), Dialect::Text)
}

fn payload(member: &Member, request: &HttpRequest<'_>) -> Result<Part, DecodeError> {
    if request.body.is_empty() {
        return Ok(None);
    }
    Ok(Some(match member.target.kind {
        Kind::Blob => (Document::Bytes(request.body.to_vec()), Dialect::Json),
        Kind::String => {
            let text = std::str::from_utf8(request.body)
                .map_err(|_| DecodeError::new("The body is not UTF-8"))?;
            (Document::String(text.to_owned()), Dialect::Json)
        }
        _ => (json::parse(request.body)?, Dialect::Json),
    }))
}

fn query_part(member: &Member, query: &[(String, String)]) -> Part {
    let name = member.wire_name();
    let values = |name: &str| {
        query
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, text)| text.clone())
            .collect()
    };
    let values_of = |name: &str| -> Vec<String> { values(name) };
    let node = match member.target.kind {
        // A map takes every parameter, even those that other members name.
        Kind::Map => {
            let lists = member.target.element().target.kind == Kind::List;
            let entries = query.iter().map(|(key, text)| {
                let list =
                    || Document::List(values_of(key).into_iter().map(Document::String).collect());
                (
                    key.clone(),
                    if lists {
                        list()
                    } else {
                        Document::String(text.clone())
                    },
                )
            });
            let mut map = std::collections::BTreeMap::new();
            for (key, value) in entries {
                map.entry(key).or_insert(value);
            }
            (!map.is_empty()).then_some(Document::Map(map))?
        }
        Kind::List => {
            let elements = values_of(name);
            (!elements.is_empty())
                .then(|| Document::List(elements.into_iter().map(Document::String).collect()))?
        }
        _ => Document::String(values_of(name).into_iter().next()?),
    };
    Some((node, Dialect::Text))
}

fn header_part(member: &Member, request: &HttpRequest<'_>) -> Result<Part, DecodeError> {
    let name = member.wire_name();
    let values: Vec<&str> = request
        .headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    if values.is_empty() {
        return Ok(None);
    }
    let text = values.join(",");
    if member.traits.json_value {
        let malformed = || DecodeError::new("Header value is not base64 of JSON");
        let decoded = STANDARD.decode(text.trim()).map_err(|_| malformed())?;
        let decoded = String::from_utf8(decoded).map_err(|_| malformed())?;
        return Ok(Some((Document::String(decoded), Dialect::Text)));
    }
    let node = match member.target.kind {
        Kind::List => Document::List(split_header(&text, member.target.element().target.kind)),
        _ => Document::String(text),
    };
    Ok(Some((node, Dialect::Text)))
}

/// Elements are separated by commas; quoted ones may contain them, and HTTP dates do.
fn split_header(text: &str, element: Kind) -> Vec<Document> {
    let mut elements = Vec::new();
    let (mut current, mut quoted, mut escaped) = (String::new(), false, false);
    let mut commas = 0;
    for character in text.chars() {
        match character {
            _ if escaped => {
                current.push(character);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                commas += 1;
                let inside_date =
                    element == Kind::Timestamp && commas % 2 == 1 && current.trim().len() == 3;
                if inside_date {
                    current.push(',');
                } else {
                    elements.push(Document::String(current.trim().to_owned()));
                    current.clear();
                }
            }
            _ => current.push(character),
        }
    }
    elements.push(Document::String(current.trim().to_owned()));
    elements
}

fn headers_part(prefix: &str, request: &HttpRequest<'_>) -> Part {
    let prefix = prefix.to_ascii_lowercase();
    let entries: std::collections::BTreeMap<String, Document> = request
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let key = name.as_str().strip_prefix(&prefix)?;
            Some((
                key.to_owned(),
                Document::String(value.to_str().ok()?.to_owned()),
            ))
        })
        .collect();
    (!entries.is_empty()).then_some((Document::Map(entries), Dialect::Text))
}

/// A structure whose members have been collected from all over the message, by their place in the schema.
struct Parts {
    parts: Vec<Part>,
}

impl Reader for Parts {
    fn structure(
        &mut self,
        _schema: &'static Schema,
        each: &mut EachMember<'_>,
    ) -> Result<(), DecodeError> {
        for (index, part) in self.parts.iter_mut().enumerate() {
            if let Some((node, dialect)) = part.take().filter(|(node, _)| *node != Document::Null) {
                each(index, &mut TreeReader::new(node, dialect))?;
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        _schema: &'static Schema,
        _each: &mut EachElement<'_>,
    ) -> Result<(), DecodeError> {
        Err(only_structures())
    }

    fn map(
        &mut self,
        _schema: &'static Schema,
        _each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        Err(only_structures())
    }

    fn string(&mut self, _schema: &'static Schema) -> Result<String, DecodeError> {
        Err(only_structures())
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, DecodeError> {
        Err(only_structures())
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, DecodeError> {
        Err(only_structures())
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, DecodeError> {
        Err(only_structures())
    }

    fn timestamp(&mut self, _schema: &'static Schema) -> Result<Timestamp, DecodeError> {
        Err(only_structures())
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Vec<u8>, DecodeError> {
        Err(only_structures())
    }

    fn document(&mut self) -> Result<Document, DecodeError> {
        Err(only_structures())
    }
}

fn only_structures() -> DecodeError {
    DecodeError::new("The input of an operation is a structure")
}

pub(crate) fn success(
    operation: &OperationSchema,
    request_id: &str,
    shape: &dyn AnyShape,
) -> HttpResponse {
    let mut response = start(operation.success_status, request_id);
    let schema = shape.schema();
    let mut body = JsonWriter::default();
    body.begin_structure(schema);
    for (index, member) in schema.members.iter().enumerate() {
        let Some(slot) = shape.member(index).filter(|slot| slot.is_set()) else {
            continue;
        };
        if schema.traits.payload == Some(member.name) {
            continue;
        }
        match member.traits.location {
            Location::Body => {
                body.member(member);
                slot.write(member.target, &mut body);
            }
            _ => {
                let mut text = TextWriter::default();
                slot.write(member.target, &mut text);
                place(&mut response, member, text);
            }
        }
    }
    body.end_structure();
    match schema.traits.payload {
        Some(name) => write_payload(&mut response, name, shape),
        None => *response.body_mut() = body.out,
    }
    response
}

/// Puts a member that is not in the body where it belongs.
fn place(response: &mut HttpResponse, member: &Member, text: TextWriter) {
    let mut insert = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (
            name.parse::<HeaderName>(),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            response.headers_mut().insert(name, value);
        }
    };
    match member.traits.location {
        Location::Header if member.traits.json_value => {
            insert(member.wire_name(), &STANDARD.encode(text.elements.join("")));
        }
        Location::Header => insert(member.wire_name(), &text.elements.join(", ")),
        Location::Headers => {
            for (key, value) in &text.entries {
                insert(&format!("{}{key}", member.wire_name()), value);
            }
        }
        Location::StatusCode => {
            let status = text
                .elements
                .first()
                .and_then(|status| status.parse::<u16>().ok());
            if let Some(status) = status.and_then(|status| http::StatusCode::from_u16(status).ok())
            {
                *response.status_mut() = status;
            }
        }
        Location::Body | Location::Uri | Location::Querystring => {}
    }
}

fn write_payload(response: &mut HttpResponse, name: &str, shape: &dyn AnyShape) {
    let members = shape.schema().members;
    let Some(index) = members.iter().position(|member| member.name == name) else {
        return;
    };
    let target = members[index].target;
    let Some(slot) = shape.member(index).filter(|slot| slot.is_set()) else {
        if target.kind == Kind::Structure {
            *response.body_mut() = b"{}".to_vec();
        }
        return;
    };
    let (content_type, body) = match target.kind {
        Kind::Blob | Kind::String => {
            let mut text = TextWriter::raw();
            slot.write(target, &mut text);
            let kind = if target.kind == Kind::Blob {
                "application/octet-stream"
            } else {
                "text/plain"
            };
            (kind, text.bytes)
        }
        _ => {
            let mut json = JsonWriter::default();
            slot.write(target, &mut json);
            ("application/json", json.out)
        }
    };
    // A member may have set the content type already.
    response
        .headers_mut()
        .entry("content-type")
        .or_insert(HeaderValue::from_static(content_type));
    if content_type != "application/json"
        && response.headers()["content-type"] == "application/json"
    {
        response
            .headers_mut()
            .insert("content-type", HeaderValue::from_static(content_type));
    }
    *response.body_mut() = body;
}

pub(crate) fn failure(request_id: &str, error: &Error) -> HttpResponse {
    let mut response = start(error.status, request_id);
    if let Ok(code) = error.code.parse() {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    *response.body_mut() = json_rpc::error_body(error);
    response
}

fn start(status: u16, request_id: &str) -> HttpResponse {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("x-amzn-requestid", request_id)
        .body(Vec::new())
        .expect("statuses come from models and request ids are ASCII")
}
