//! Values as the text of headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::xml::float_text;
use crate::{Document, Member, Schema, Timestamp, TimestampFormat, Writer};

/// Collects a scalar as one element, a list as its elements, a map as its entries.
#[derive(Default)]
pub(crate) struct TextWriter {
    pub(crate) elements: Vec<String>,
    pub(crate) entries: Vec<(String, String)>,
    /// The value itself, where text and bytes are wanted as they are.
    pub(crate) bytes: Vec<u8>,
    raw: bool,
    in_list: bool,
    key: Option<String>,
}

impl TextWriter {
    /// For payloads: no quoting, no base64.
    pub(crate) fn raw() -> Self {
        TextWriter {
            raw: true,
            ..TextWriter::default()
        }
    }

    fn put(&mut self, text: String) {
        if self.raw {
            self.bytes = text.clone().into_bytes();
        }
        match self.key.take() {
            Some(key) => self.entries.push((key, text)),
            None => self.elements.push(text),
        }
    }
}

impl Writer for TextWriter {
    fn begin_structure(&mut self, _schema: &'static Schema) {}

    fn member(&mut self, _member: &'static Member) {}

    fn end_structure(&mut self) {}

    fn begin_list(&mut self, _schema: &'static Schema, _length: usize) {
        self.in_list = true;
    }

    fn end_list(&mut self) {}

    fn begin_map(&mut self, _schema: &'static Schema, _length: usize) {}

    fn key(&mut self, key: &str) {
        self.key = Some(key.to_owned());
    }

    fn end_map(&mut self) {}

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        let needs_quotes = self.in_list && value.contains([',', '"']);
        let quoted = || format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        self.put(if needs_quotes {
            quoted()
        } else {
            value.to_owned()
        });
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.put(value.to_string());
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.put(float_text(schema, value));
    }

    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.put(value.to_string());
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.put(
            value.format(
                schema
                    .traits
                    .timestamp_format
                    .unwrap_or(TimestampFormat::Rfc822),
            ),
        );
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        if self.raw {
            self.bytes = value.to_vec();
        } else {
            self.put(STANDARD.encode(value));
        }
    }

    fn document(&mut self, _value: &Document) {}
}
