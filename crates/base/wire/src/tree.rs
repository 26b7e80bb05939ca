//! The reader over a parsed body. JSON, CBOR and the text of headers and forms differ only in [`Dialect`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::reader::{EachElement, EachEntry, EachMember, Reader};
use crate::{DecodeError, Document, Kind, Schema, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Json,
    Cbor,
    /// Everything is text: forms, headers, paths.
    Text,
}

pub(crate) struct TreeReader {
    node: Document,
    dialect: Dialect,
}

impl TreeReader {
    pub(crate) fn new(node: Document, dialect: Dialect) -> Self {
        TreeReader { node, dialect }
    }

    fn take(&mut self) -> Document {
        std::mem::take(&mut self.node)
    }

    fn visit(
        node: Document,
        dialect: Dialect,
        each: &mut EachElement<'_>,
    ) -> Result<(), DecodeError> {
        if node == Document::Null {
            return Ok(());
        }
        each(&mut TreeReader { node, dialect })
    }
}

impl Reader for TreeReader {
    fn structure(
        &mut self,
        schema: &'static Schema,
        each: &mut EachMember<'_>,
    ) -> Result<(), DecodeError> {
        let mut entries = match self.take() {
            Document::Map(entries) => entries,
            Document::Null => return Ok(()),
            Document::List(_) => {
                return Err(DecodeError::new("Start of list found where not expected"));
            }
            _ => return Err(DecodeError::new("Unexpected value type in payload")),
        };
        for (index, member) in schema.members.iter().enumerate() {
            if let Some(node) = entries.remove(member.wire_name()) {
                TreeReader::visit(node, self.dialect, &mut |reader| each(index, reader))?;
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        _schema: &'static Schema,
        each: &mut EachElement<'_>,
    ) -> Result<(), DecodeError> {
        match self.take() {
            Document::List(elements) => elements
                .into_iter()
                .try_for_each(|node| TreeReader::visit(node, self.dialect, each)),
            Document::Map(_) => Err(DecodeError::new(
                "Start of structure or map found where not expected.",
            )),
            _ => Err(DecodeError::new("Expected list or null")),
        }
    }

    fn map(
        &mut self,
        _schema: &'static Schema,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        match self.take() {
            Document::Map(entries) => entries.into_iter().try_for_each(|(key, node)| {
                TreeReader::visit(node, self.dialect, &mut |reader| each(key.clone(), reader))
            }),
            Document::List(_) => Err(DecodeError::new("Start of list found where not expected")),
            _ => Err(DecodeError::new("Expected map or null")),
        }
    }

    fn string(&mut self, _schema: &'static Schema) -> Result<String, DecodeError> {
        match self.take() {
            Document::String(text) => Ok(text),
            other => Err(mismatch(&other, "String")),
        }
    }

    fn integer(&mut self, schema: &'static Schema) -> Result<i64, DecodeError> {
        let wanted = if schema.kind == Kind::Integer {
            "Integer"
        } else {
            "Long"
        };
        let node = self.take();
        let value = match &node {
            Document::Integer(value) => Some(*value),
            // AWS truncates fractions.
            Document::Double(value) if value.is_finite() && value.abs() < 9.2e18 => {
                Some(value.trunc() as i64)
            }
            Document::String(text) if self.dialect == Dialect::Text => text.trim().parse().ok(),
            _ => None,
        };
        let in_range = |value: &i64| schema.kind != Kind::Integer || i32::try_from(*value).is_ok();
        value
            .filter(in_range)
            .ok_or_else(|| mismatch(&node, wanted))
    }

    fn double(&mut self, schema: &'static Schema) -> Result<f64, DecodeError> {
        let wanted = if schema.kind == Kind::Float {
            "Float"
        } else {
            "Double"
        };
        let node = self.take();
        let value = match &node {
            Document::Double(value) => Some(*value),
            Document::Integer(value) => Some(*value as f64),
            Document::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                text if self.dialect == Dialect::Text => text.trim().parse().ok(),
                _ => None,
            },
            _ => None,
        };
        let value = value.ok_or_else(|| mismatch(&node, wanted))?;
        // What a float cannot hold must not differ before and after it was written.
        Ok(if schema.kind == Kind::Float {
            f64::from(value as f32)
        } else {
            value
        })
    }

    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, DecodeError> {
        match self.take() {
            Document::Boolean(value) => Ok(value),
            Document::String(text) if self.dialect == Dialect::Text && text == "true" => Ok(true),
            Document::String(text) if self.dialect == Dialect::Text && text == "false" => Ok(false),
            other => Err(mismatch(&other, "Boolean")),
        }
    }

    fn timestamp(&mut self, _schema: &'static Schema) -> Result<Timestamp, DecodeError> {
        let node = self.take();
        let value = match &node {
            Document::Time(value) => Some(*value),
            Document::Integer(value) => Timestamp::from_seconds_f64(*value as f64),
            Document::Double(value) => Timestamp::from_seconds_f64(*value),
            Document::String(text) => Timestamp::parse(text),
            _ => None,
        };
        value.ok_or_else(|| mismatch(&node, "Timestamp"))
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Vec<u8>, DecodeError> {
        match self.take() {
            Document::Bytes(bytes) => Ok(bytes),
            Document::String(text) if self.dialect != Dialect::Cbor => STANDARD
                .decode(text.trim())
                .map_err(|_| DecodeError::new("Blob value is not valid base64")),
            other => Err(mismatch(&other, "Blob")),
        }
    }

    fn document(&mut self) -> Result<Document, DecodeError> {
        Ok(self.take())
    }
}

fn mismatch(found: &Document, wanted: &str) -> DecodeError {
    match found {
        Document::Null => DecodeError::wrong_type("NULL_VALUE", wanted),
        Document::Boolean(true) => DecodeError::wrong_type("TRUE_VALUE", wanted),
        Document::Boolean(false) => DecodeError::wrong_type("FALSE_VALUE", wanted),
        Document::Integer(_) | Document::Double(_) => {
            DecodeError::wrong_type("NUMBER_VALUE", wanted)
        }
        Document::String(_) => DecodeError::wrong_type("STRING_VALUE", wanted),
        Document::Bytes(_) => DecodeError::wrong_type("BLOB_VALUE", wanted),
        Document::Time(_) => DecodeError::wrong_type("TIMESTAMP_VALUE", wanted),
        Document::List(_) => DecodeError::new("Start of list found where not expected"),
        Document::Map(_) => DecodeError::new("Start of structure or map found where not expected."),
    }
}
