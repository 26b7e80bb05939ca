//! The XML that Query and EC2 answer with; `ec2_client` reads it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Document, Kind, Member, Schema, Timestamp, TimestampFormat, Writer};

pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' => out.push_str("&#xA;"),
            '\u{85}' => out.push_str("&#x85;"),
            '\u{2028}' => out.push_str("&#x2028;"),
            _ => out.push(character),
        }
    }
    out
}

/// Writes the members of one structure; the caller opens and closes what they stand in.
#[derive(Default)]
pub(crate) struct XmlWriter {
    pub(crate) out: String,
    frames: Vec<Frame>,
    /// What the next value of the innermost structure or map is.
    pending: Option<&'static Member>,
}

/// An open value: how its children are named, and the end tags it owes.
struct Frame {
    child: Child,
    close: Vec<String>,
    /// Where an attribute may still be put into the start tag.
    attributes_at: usize,
}

#[derive(Clone)]
enum Child {
    /// Members name themselves.
    Structure,
    /// Every element has this name.
    Elements(String),
    /// Every entry has this name, and inside it key and value have theirs.
    Entries {
        entry: String,
        key: &'static Member,
        value: &'static Member,
    },
}

impl XmlWriter {
    /// The name of the value that begins now.
    fn name(&mut self) -> String {
        match self.frames.last().map(|frame| frame.child.clone()) {
            Some(Child::Elements(name)) => name,
            Some(Child::Entries { value, .. }) => value.wire_name().to_owned(),
            _ => self
                .pending
                .map_or_else(String::new, |member| member.wire_name().to_owned()),
        }
    }

    fn namespace(&self, schema: &'static Schema) -> String {
        let member = match self.frames.last().map(|frame| &frame.child) {
            Some(Child::Structure) | None => {
                self.pending.and_then(|member| member.traits.xml_namespace)
            }
            _ => None,
        };
        match member.or(schema.traits.xml_namespace) {
            Some(("", uri)) => format!(" xmlns=\"{}\"", escape(uri)),
            Some((prefix, uri)) => format!(" xmlns:{prefix}=\"{}\"", escape(uri)),
            None => String::new(),
        }
    }

    /// Whether the list or map that begins now stands without an element of its own.
    fn is_flat(&self, schema: &'static Schema) -> bool {
        let in_structure = matches!(
            self.frames.last().map(|frame| &frame.child),
            None | Some(Child::Structure)
        );
        schema.traits.flattened
            || (in_structure && self.pending.is_some_and(|member| member.traits.flattened))
    }

    fn open(&mut self, name: &str, namespace: &str, child: Child) {
        self.out.push_str(&format!("<{name}{namespace}"));
        let attributes_at = self.out.len();
        self.out.push('>');
        self.frames.push(Frame {
            child,
            close: vec![name.to_owned()],
            attributes_at,
        });
        self.pending = None;
    }

    fn close(&mut self) {
        let frame = self.frames.pop().expect("every end has a beginning");
        for name in frame.close {
            self.out.push_str(&format!("</{name}>"));
        }
        self.end_entry();
    }

    /// After a value of a map its entry ends too.
    fn end_entry(&mut self) {
        if let Some(Frame {
            child: Child::Entries { entry, .. },
            ..
        }) = self.frames.last()
        {
            self.out.push_str(&format!("</{entry}>"));
        }
    }

    fn leaf(&mut self, schema: &'static Schema, text: &str) {
        let text = escape(text);
        if self
            .pending
            .is_some_and(|member| member.traits.xml_attribute)
        {
            let attribute = format!(" {}=\"{text}\"", self.name());
            let at = self.frames.last().map_or(0, |frame| frame.attributes_at);
            self.out.insert_str(at, &attribute);
            if let Some(frame) = self.frames.last_mut() {
                frame.attributes_at += attribute.len();
            }
            return;
        }
        let (name, namespace) = (self.name(), self.namespace(schema));
        self.out
            .push_str(&format!("<{name}{namespace}>{text}</{name}>"));
        self.end_entry();
    }
}

impl Writer for XmlWriter {
    fn begin_structure(&mut self, schema: &'static Schema) {
        let (name, namespace) = (self.name(), self.namespace(schema));
        self.open(&name, &namespace, Child::Structure);
    }

    fn member(&mut self, member: &'static Member) {
        self.pending = Some(member);
    }

    fn end_structure(&mut self) {
        self.close();
    }

    fn begin_list(&mut self, schema: &'static Schema, _length: usize) {
        let (name, namespace) = (self.name(), self.namespace(schema));
        if self.is_flat(schema) {
            let element = schema
                .element()
                .traits
                .location_name
                .map_or(name, str::to_owned);
            let attributes_at = self.out.len();
            self.frames.push(Frame {
                child: Child::Elements(element),
                close: Vec::new(),
                attributes_at,
            });
        } else {
            let element = schema.element().wire_name().to_owned();
            self.open(&name, &namespace, Child::Elements(element));
        }
        self.pending = None;
    }

    fn end_list(&mut self) {
        self.close();
    }

    fn begin_map(&mut self, schema: &'static Schema, _length: usize) {
        let (name, namespace) = (self.name(), self.namespace(schema));
        let (key, value) = (&schema.members[0], &schema.members[1]);
        if self.is_flat(schema) {
            let child = Child::Entries {
                entry: name,
                key,
                value,
            };
            let attributes_at = self.out.len();
            self.frames.push(Frame {
                child,
                close: Vec::new(),
                attributes_at,
            });
        } else {
            self.open(
                &name,
                &namespace,
                Child::Entries {
                    entry: "entry".to_owned(),
                    key,
                    value,
                },
            );
        }
        self.pending = None;
    }

    fn key(&mut self, text: &str) {
        if let Some(Frame {
            child: Child::Entries { entry, key, .. },
            ..
        }) = self.frames.last()
        {
            let (name, text) = (key.wire_name(), escape(text));
            self.out
                .push_str(&format!("<{entry}><{name}>{text}</{name}>"));
        }
    }

    fn end_map(&mut self) {
        self.close();
    }

    fn string(&mut self, schema: &'static Schema, value: &str) {
        self.leaf(schema, value);
    }

    fn integer(&mut self, schema: &'static Schema, value: i64) {
        self.leaf(schema, &value.to_string());
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        self.leaf(schema, &float_text(schema, value));
    }

    fn boolean(&mut self, schema: &'static Schema, value: bool) {
        self.leaf(schema, if value { "true" } else { "false" });
    }

    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp) {
        let format = schema
            .traits
            .timestamp_format
            .unwrap_or(TimestampFormat::Iso8601);
        self.leaf(schema, &value.format(format));
    }

    fn blob(&mut self, schema: &'static Schema, value: &[u8]) {
        self.leaf(schema, &STANDARD.encode(value));
    }

    fn document(&mut self, _value: &Document) {}
}

/// Floats as text, in headers and XML.
pub(crate) fn float_text(schema: &Schema, value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 {
            "Infinity".to_owned()
        } else {
            "-Infinity".to_owned()
        }
    } else if schema.kind == Kind::Float {
        format!("{:?}", value as f32)
    } else {
        format!("{value:?}")
    }
}
