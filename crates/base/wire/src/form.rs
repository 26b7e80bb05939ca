//! Forms: the requests of the Query and EC2 protocols, where a path of names says what a value belongs to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::reader::{EachElement, EachEntry, EachMember, Reader};
use crate::tree::{Dialect, TreeReader};
use crate::{
    AnyShape, DecodeError, Document, Kind, Member, Protocol, Schema, Timestamp, read_structure,
};

/// The name-value pairs of `application/x-www-form-urlencoded` text, decoded.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (unescape(name, true), unescape(value, true))
    })
}

/// Percent-decodes; in forms and query strings a plus is a space. What is not UTF-8 is replaced.
pub(crate) fn unescape(text: &str, plus_is_space: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        let escaped = (bytes[index] == b'%')
            .then(|| bytes.get(index + 1..index + 3).and_then(hex_pair))
            .flatten();
        match (bytes[index], escaped) {
            (_, Some(byte)) => {
                out.push(byte);
                index += 2;
            }
            (b'+', None) if plus_is_space => out.push(b' '),
            (byte, None) => out.push(byte),
        }
        index += 1;
    }
    String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex_pair(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    Some((value(digits[0])? * 16 + value(digits[1])?) as u8)
}

/// Fills a shape from the parameters of a call.
pub(crate) fn read_into(
    shape: &mut dyn AnyShape,
    protocol: Protocol,
    parameters: impl Iterator<Item = (String, String)>,
) -> Result<(), DecodeError> {
    let mut root = Node::default();
    for (name, value) in parameters {
        root.insert(&name, value)?;
    }
    read_structure(
        shape,
        &mut FormReader {
            node: root,
            protocol,
        },
    )
}

#[derive(Default)]
struct Node {
    value: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    fn insert(&mut self, path: &str, value: String) -> Result<(), DecodeError> {
        let mut node = self;
        for (depth, step) in path.split('.').enumerate() {
            if depth > limits::WIRE_NESTING_DEPTH {
                return Err(DecodeError::new("The request is nested too deeply"));
            }
            node = node.children.entry(step.to_owned()).or_default();
        }
        node.value = Some(value);
        Ok(())
    }

    /// The children `1`, `2`, … in the order of their numbers.
    fn numbered(self) -> Vec<Node> {
        let mut elements: Vec<(u64, Node)> = self
            .children
            .into_iter()
            .filter_map(|(step, node)| Some((step.parse().ok()?, node)))
            .collect();
        elements.sort_by_key(|(number, _)| *number);
        elements.into_iter().map(|(_, node)| node).collect()
    }
}

struct FormReader {
    node: Node,
    protocol: Protocol,
}

impl FormReader {
    fn scalar(&mut self) -> TreeReader {
        TreeReader::new(
            Document::String(self.node.value.take().unwrap_or_default()),
            Dialect::Text,
        )
    }

    fn child(&mut self, name: &str) -> Option<Node> {
        self.node.children.remove(name)
    }

    /// EC2 flattens every list; Query only those that the model says.
    fn is_flat(&self, schema: &Schema) -> bool {
        self.protocol == Protocol::Ec2 || schema.traits.flattened
    }

    /// A member's values. A flattened list may go by the name of its elements: clients differ.
    fn take_member(&mut self, member: &'static Member) -> Option<Node> {
        let name = member_name(self.protocol, member);
        let is_flat = member.traits.flattened || member.target.traits.flattened;
        if self.protocol == Protocol::Query && is_flat && member.target.kind == Kind::List {
            let element_name = member.target.element().traits.location_name;
            return self.child(&name).or_else(|| self.child(element_name?));
        }
        self.child(&name)
    }
}

impl Reader for FormReader {
    fn structure(
        &mut self,
        schema: &'static Schema,
        each: &mut EachMember<'_>,
    ) -> Result<(), DecodeError> {
        for (index, member) in schema.members.iter().enumerate() {
            if let Some(mut node) = self.take_member(member) {
                // A list that the member flattens looks to its reader as if its schema did.
                if member.traits.flattened && !member.target.traits.flattened {
                    node = wrap_flattened(node, member.target);
                }
                each(
                    index,
                    &mut FormReader {
                        node,
                        protocol: self.protocol,
                    },
                )?;
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        schema: &'static Schema,
        each: &mut EachElement<'_>,
    ) -> Result<(), DecodeError> {
        let node = if self.is_flat(schema) {
            std::mem::take(&mut self.node)
        } else {
            self.child(schema.element().wire_name()).unwrap_or_default()
        };
        let protocol = self.protocol;
        node.numbered()
            .into_iter()
            .try_for_each(|node| each(&mut FormReader { node, protocol }))
    }

    fn map(
        &mut self,
        schema: &'static Schema,
        each: &mut EachEntry<'_>,
    ) -> Result<(), DecodeError> {
        let node = if self.is_flat(schema) {
            std::mem::take(&mut self.node)
        } else {
            self.child("entry").unwrap_or_default()
        };
        for mut entry in node.numbered() {
            let key = entry
                .children
                .remove(schema.members[0].wire_name())
                .and_then(|node| node.value);
            let value = entry.children.remove(schema.members[1].wire_name());
            if let (Some(key), Some(node)) = (key, value) {
                each(
                    key,
                    &mut FormReader {
                        node,
                        protocol: self.protocol,
                    },
                )?;
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

/// What a member is called in a form.
pub(crate) fn member_name(protocol: Protocol, member: &'static Member) -> Cow<'static, str> {
    if protocol == Protocol::Ec2 {
        if let Some(name) = member.traits.query_name {
            return Cow::Borrowed(name);
        }
        let mut characters = member.wire_name().chars();
        let first = characters.next().map(|first| first.to_ascii_uppercase());
        return Cow::Owned(first.into_iter().chain(characters).collect());
    }
    Cow::Borrowed(member.wire_name())
}

/// Puts a flattened list or map where the reader of its schema looks for it.
fn wrap_flattened(node: Node, schema: &Schema) -> Node {
    let step = if schema.kind == Kind::Map {
        "entry"
    } else {
        schema.element().wire_name()
    };
    Node {
        value: None,
        children: BTreeMap::from([(step.to_owned(), node)]),
    }
}
