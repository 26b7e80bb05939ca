//! The client's direction of EC2's protocol: forms written, XML read. (Servers read those and write these: `form`, `xml`.)

use std::fmt::Write as _;

use http::Request;
use roxmltree::{Document as Xml, Node};

use crate::form::member_name;
use crate::reader::{EachElement, EachEntry, EachMember, Reader};
use crate::tree::{Dialect, TreeReader};
use crate::writer::{Writer, write_members};
use crate::xml::float_text;
use crate::{
    AnyShape, ClientRequest, DecodeError, Document, Error, Member, OperationSchema, Protocol,
    Schema, ServiceSchema, Timestamp, TimestampFormat, read_structure,
};

/// Elements and texts of an answer.
const XML_NODES_MOST: u32 = 1_000_000;

pub(crate) fn encode(
    service: &ServiceSchema,
    operation: &OperationSchema,
    input: &dyn AnyShape,
) -> ClientRequest {
    let mut writer = FormWriter {
        out: format!("Action={}&Version={}", operation.name, service.api_version),
        ..FormWriter::default()
    };
    write_members(input, &mut writer);
    Request::builder()
        .method("POST")
        .uri("/")
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body(writer.out.into_bytes())
        .expect("the headers are fixed")
}

pub(crate) fn decode(output: &mut dyn AnyShape, body: &[u8]) -> Result<(), DecodeError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let text = text(body)?;
    let xml = parse(text)?;
    let value = Value::Element(xml.root_element());
    read_structure(output, &mut XmlReader { value })
}

/// Code and message.
pub(crate) fn decode_error(status: u16, body: &[u8]) -> Error {
    let told = text(body).ok().and_then(|text| {
        let xml = parse(text).ok()?;
        let mut elements = xml.descendants();
        let error = elements.find(|node| node.has_tag_name("Error"))?;
        let child = |name: &str| {
            let mut children = error.children();
            let found = children.find(|node| node.tag_name().name() == name);
            found.and_then(|node| node.text()).map(str::to_owned)
        };
        Some((child("Code")?, child("Message").unwrap_or_default()))
    });
    let (code, message) = told.unwrap_or_else(|| (status.to_string(), String::new()));
    Error::client(code, message).with_status(status)
}

fn text(body: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(body).map_err(|_| DecodeError::new("The response is not UTF-8"))
}

fn parse(text: &str) -> Result<Xml<'_>, DecodeError> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        nodes_limit: XML_NODES_MOST,
        ..roxmltree::ParsingOptions::default()
    };
    Xml::parse_with_options(text, options).map_err(|_| DecodeError::new("Unable to parse XML body"))
}

/// Writes a shape as `Path.1.Name=value` pairs.
#[derive(Default)]
struct FormWriter {
    out: String,
    frames: Vec<Frame>,
    /// The path of the value that comes next in a structure.
    pending: String,
}

/// An open structure or list.
struct Frame {
    path: String,
    /// Elements of a list so far; none of a structure.
    elements: Option<usize>,
}

impl FormWriter {
    /// The path of the value that begins now.
    fn path(&mut self) -> String {
        match self.frames.last_mut() {
            Some(Frame {
                path,
                elements: Some(elements),
            }) => {
                *elements += 1;
                format!("{path}.{elements}")
            }
            _ => std::mem::take(&mut self.pending),
        }
    }

    fn open(&mut self, elements: Option<usize>) {
        let path = self.path();
        self.frames.push(Frame { path, elements });
    }

    fn leaf(&mut self, value: &str) {
        let path = self.path();
        self.out.push('&');
        escape(&path, &mut self.out);
        self.out.push('=');
        escape(value, &mut self.out);
    }
}

impl Writer for FormWriter {
    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.open(None);
    }

    fn member(&mut self, member: &'static Member) {
        let name = member_name(Protocol::Ec2, member);
        self.pending = match self.frames.last() {
            Some(frame) => format!("{}.{name}", frame.path),
            None => name.into_owned(),
        };
    }

    fn end_structure(&mut self) {
        self.frames.pop();
    }

    fn begin_list(&mut self, _schema: &'static Schema, _length: usize) {
        self.open(Some(0));
    }

    fn end_list(&mut self) {
        self.frames.pop();
    }

    // The inputs of EC2 have no maps.
    fn begin_map(&mut self, _schema: &'static Schema, _length: usize) {
        self.open(Some(0));
    }

    fn key(&mut self, _key: &str) {}

    fn end_map(&mut self) {
        self.frames.pop();
    }

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        self.leaf(value);
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.leaf(&value.to_string());
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.leaf(&float_text(schema, value));
    }

    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.leaf(if value { "true" } else { "false" });
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        let format = schema.traits.timestamp_format;
        self.leaf(&value.format(format.unwrap_or(TimestampFormat::Iso8601)));
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        use base64::Engine;
        self.leaf(&base64::engine::general_purpose::STANDARD.encode(value));
    }

    fn document(&mut self, _value: &Document) {}
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// A value of an answer: one element, or those that a flattened list is.
enum Value<'a> {
    Element(Node<'a, 'a>),
    Flattened(Vec<Node<'a, 'a>>),
}

struct XmlReader<'a> {
    value: Value<'a>,
}

impl<'a> XmlReader<'a> {
    fn element(&self) -> Option<Node<'a, 'a>> {
        match &self.value {
            Value::Element(node) => Some(*node),
            Value::Flattened(nodes) => nodes.first().copied(),
        }
    }

    fn scalar(&self) -> TreeReader {
        let text = self.element().and_then(|node| node.text());
        let text = text.unwrap_or_default().to_owned();
        TreeReader::new(Document::String(text), Dialect::Text)
    }
}

fn children<'a>(node: Node<'a, 'a>, name: &str) -> Vec<Node<'a, 'a>> {
    let elements = node.children().filter(Node::is_element);
    elements
        .filter(|child| child.tag_name().name() == name)
        .collect()
}

impl Reader for XmlReader<'_> {
    fn structure(
        &mut self,
        schema: &'static Schema,
        each: &mut EachMember<'_>,
    ) -> Result<(), DecodeError> {
        let Some(node) = self.element() else {
            return Ok(());
        };
        for (index, member) in schema.members.iter().enumerate() {
            let found = children(node, member.wire_name());
            let is_flat = member.traits.flattened || member.target.traits.flattened;
            let value = match found.first() {
                None => continue,
                Some(_) if is_flat => Value::Flattened(found),
                Some(first) => Value::Element(*first),
            };
            each(index, &mut XmlReader { value })?;
        }
        Ok(())
    }

    fn list(
        &mut self,
        schema: &'static Schema,
        each: &mut EachElement<'_>,
    ) -> Result<(), DecodeError> {
        let elements = match &self.value {
            Value::Element(node) => children(*node, schema.element().wire_name()),
            Value::Flattened(nodes) => nodes.clone(),
        };
        elements.into_iter().try_for_each(|node| {
            each(&mut XmlReader {
                value: Value::Element(node),
            })
        })
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        let entries = match &self.value {
            Value::Element(node) => children(*node, "entry"),
            Value::Flattened(nodes) => nodes.clone(),
        };
        for entry in entries {
            let key = children(entry, schema.members[0].wire_name());
            let value = children(entry, schema.members[1].wire_name());
            if let (Some(key), Some(value)) = (key.first(), value.first()) {
                let key = key.text().unwrap_or_default().to_owned();
                let value = Value::Element(*value);
                each(key, &mut XmlReader { value })?;
            }
        }
        Ok(())
    }

    fn string(&mut self, schema: &'static Schema) -> Result<String, DecodeError> {
        self.scalar().string(schema)
    }

    fn integer(&mut self, schema: &'static Schema) -> Result<i64, DecodeError> {
        self.scalar().integer(schema)
    }

    fn double(&mut self, schema: &'static Schema) -> Result<f64, DecodeError> {
        self.scalar().double(schema)
    }

    fn boolean(&mut self, schema: &'static Schema) -> Result<bool, DecodeError> {
        self.scalar().boolean(schema)
    }

    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, DecodeError> {
        self.scalar().timestamp(schema)
    }

    fn blob(&mut self, schema: &'static Schema) -> Result<Vec<u8>, DecodeError> {
        self.scalar().blob(schema)
    }

    fn document(&mut self) -> Result<Document, DecodeError> {
        self.scalar().document()
    }
}
