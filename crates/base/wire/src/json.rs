//! JSON bodies: AWS JSON 1.0 and 1.1, and the bodies of REST-JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::tree::{Dialect, TreeReader};
use crate::writer::write_structure;
use crate::{
    AnyShape, DecodeError, Document, Kind, Member, Schema, Shape, Timestamp, TimestampFormat,
    Writer, read_structure,
};

pub fn to_vec(shape: &dyn AnyShape) -> Vec<u8> {
    let mut writer = JsonWriter::default();
    write_structure(shape, &mut writer);
    writer.out
}

pub fn to_string(shape: &dyn AnyShape) -> String {
    String::from_utf8(to_vec(shape)).expect("the writer writes UTF-8")
}

/// An empty body is an empty structure.
pub fn from_slice<T: Shape>(body: &[u8]) -> Result<T, DecodeError> {
    let mut shape = T::default();
    read_into(&mut shape, body)?;
    Ok(shape)
}

pub(crate) fn read_into(shape: &mut dyn AnyShape, body: &[u8]) -> Result<(), DecodeError> {
    read_structure(shape, &mut TreeReader::new(parse(body)?, Dialect::Json))
}

/// A body as a tree; nesting is bounded before anything recurses.
pub fn parse(body: &[u8]) -> Result<Document, DecodeError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Document::Null);
    }
    if depth(body) > limits::WIRE_NESTING_DEPTH {
        return Err(DecodeError::new("The request is nested too deeply"));
    }
    serde_json::from_slice(body).map_err(|_| DecodeError::new("Unable to parse JSON body"))
}

/// The deepest nesting of brackets outside strings.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

pub(crate) fn write_document(out: &mut Vec<u8>, value: &Document) {
    let mut writer = JsonWriter {
        out: std::mem::take(out),
        separate: false,
    };
    writer.value(value);
    *out = writer.out;
}

#[derive(Default)]
pub(crate) struct JsonWriter {
    pub(crate) out: Vec<u8>,
    /// A comma is due before the next element, member or entry.
    separate: bool,
}

impl JsonWriter {
    /// Goes on in an open structure that has members already.
    pub(crate) fn continuing(out: Vec<u8>) -> Self {
        JsonWriter {
            out,
            separate: true,
        }
    }

    fn open(&mut self, bracket: u8) {
        self.comma();
        self.out.push(bracket);
        self.separate = false;
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.separate = true;
    }

    fn comma(&mut self) {
        if self.separate {
            self.out.push(b',');
        }
        self.separate = true;
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.quoted(name);
        self.out.push(b':');
        self.separate = false;
    }

    fn raw(&mut self, text: &str) {
        self.comma();
        self.out.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        self.comma();
        self.quoted(text);
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        let mut plain_from = 0;
        for (index, byte) in text.bytes().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.out
                .extend_from_slice(&text.as_bytes()[plain_from..index]);
            plain_from = index + 1;
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                _ => self
                    .out
                    .extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            }
        }
        self.out.extend_from_slice(&text.as_bytes()[plain_from..]);
        self.out.push(b'"');
    }

    fn float(&mut self, value: f64) {
        match value {
            value if value.is_nan() => self.text("NaN"),
            f64::INFINITY => self.text("Infinity"),
            f64::NEG_INFINITY => self.text("-Infinity"),
            // Debug keeps the `.0` and uses exponents where digits would be many.
            value => self.raw(&format!("{value:?}")),
        }
    }

    fn value(&mut self, value: &Document) {
        match value {
            Document::Null => self.raw("null"),
            Document::Boolean(value) => self.raw(if *value { "true" } else { "false" }),
            Document::Integer(value) => self.raw(&value.to_string()),
            Document::Double(value) => self.float(*value),
            Document::String(text) => self.text(text),
            Document::Bytes(bytes) => self.text(&STANDARD.encode(bytes)),
            Document::Time(time) => self.raw(&time.format(TimestampFormat::UnixTimestamp)),
            Document::List(elements) => {
                self.open(b'[');
                elements.iter().for_each(|element| self.value(element));
                self.close(b']');
            }
            Document::Map(entries) => {
                self.open(b'{');
                for (key, element) in entries {
                    self.name(key);
                    self.value(element);
                }
                self.close(b'}');
            }
        }
    }
}

impl Writer for JsonWriter {
    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.open(b'{');
    }

    fn member(&mut self, member: &'static Member) {
        self.name(member.wire_name());
    }

    fn end_structure(&mut self) {
        self.close(b'}');
    }

    fn begin_list(&mut self, _schema: &'static Schema, _length: usize) {
        self.open(b'[');
    }

    fn end_list(&mut self) {
        self.close(b']');
    }

    fn begin_map(&mut self, _schema: &'static Schema, _length: usize) {
        self.open(b'{');
    }

    fn key(&mut self, key: &str) {
        self.name(key);
    }

    fn end_map(&mut self) {
        self.close(b'}');
    }

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        self.text(value);
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.raw(&value.to_string());
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        let single = value as f32;
        if schema.kind == Kind::Float && single.is_finite() {
            self.raw(&format!("{single:?}"));
        } else {
            self.float(value);
        }
    }

    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        match schema
            .traits
            .timestamp_format
            .unwrap_or(TimestampFormat::UnixTimestamp)
        {
            TimestampFormat::UnixTimestamp => {
                self.raw(&value.format(TimestampFormat::UnixTimestamp))
            }
            format => self.text(&value.format(format)),
        }
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.text(&STANDARD.encode(value));
    }

    fn document(&mut self, value: &Document) {
        self.value(value);
    }
}
