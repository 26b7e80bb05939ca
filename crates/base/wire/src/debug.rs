//! `Debug` of shapes: only what is set, and no secrets.

use std::fmt;

use crate::writer::write_structure;
use crate::{AnyShape, Document, Member, Schema, Timestamp, TimestampFormat, Writer};

/// What generated `Debug` implementations call.
pub fn debug_shape(shape: &dyn AnyShape, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut writer = DebugWriter::default();
    write_structure(shape, &mut writer);
    formatter.write_str(&writer.out)
}

#[derive(Default)]
struct DebugWriter {
    out: String,
    separate: bool,
    /// How many open values are below a sensitive schema.
    hidden: usize,
}

impl DebugWriter {
    fn put(&mut self, text: &str) {
        if self.hidden == 0 {
            self.out.push_str(text);
        }
    }

    fn comma(&mut self) {
        if self.separate {
            self.put(", ");
        }
        self.separate = true;
    }

    fn open(&mut self, schema: &'static Schema, text: &str) {
        self.comma();
        if self.hidden > 0 || schema.traits.sensitive {
            if self.hidden == 0 {
                self.out.push_str("***");
            }
            self.hidden += 1;
            return;
        }
        self.put(text);
        self.separate = false;
    }

    fn close(&mut self, text: &str) {
        if self.hidden > 0 {
            self.hidden -= 1;
        } else {
            self.put(text);
        }
        self.separate = true;
    }

    fn leaf(&mut self, schema: &'static Schema, text: &str) {
        self.comma();
        self.put(if schema.traits.sensitive { "***" } else { text });
    }

    fn name(&mut self, name: &str) {
        self.comma();
        self.put(name);
        self.put(": ");
        self.separate = false;
    }
}

impl Writer for DebugWriter {
    fn begin_structure(&mut self, schema: &'static Schema) {
        self.open(schema, &format!("{} {{ ", schema.name));
    }

    fn member(&mut self, member: &'static Member) {
        self.name(member.name);
    }

    fn end_structure(&mut self) {
        self.close(" }");
    }

    fn begin_list(&mut self, schema: &'static Schema, _length: usize) {
        self.open(schema, "[");
    }

    fn end_list(&mut self) {
        self.close("]");
    }

    fn begin_map(&mut self, schema: &'static Schema, _length: usize) {
        self.open(schema, "{");
    }

    fn key(&mut self, key: &str) {
        self.name(&format!("{key:?}"));
    }

    fn end_map(&mut self) {
        self.close("}");
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        self.leaf(schema, &format!("{value:?}"));
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        self.leaf(schema, &value.to_string());
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.leaf(schema, &format!("{value:?}"));
    }

    fn boolean(&mut self, schema: &'static Schema, value: bool) {
        self.leaf(schema, &value.to_string());
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        self.leaf(schema, &value.format(TimestampFormat::Iso8601));
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        self.leaf(schema, &format!("{} bytes", value.len()));
    }

    fn document(&mut self, value: &Document) {
        self.comma();
        self.put(&format!("{value:?}"));
    }
}
