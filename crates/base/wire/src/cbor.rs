//! CBOR (RFC 8949) as Smithy's RPC v2 uses it; also how records keep AWS shapes ([`crate::Stored`]).

use std::collections::BTreeMap;

use crate::tree::{Dialect, TreeReader};
use crate::writer::write_structure;
use crate::{
    AnyShape, DecodeError, Document, Kind, Member, Schema, Shape, Timestamp, Writer, read_structure,
};

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;
const BREAK: u8 = 0xff;
/// Seconds since the epoch.
const TAG_EPOCH: u64 = 1;

pub fn to_vec(shape: &dyn AnyShape) -> Vec<u8> {
    let mut writer = CborWriter::default();
    write_structure(shape, &mut writer);
    writer.out
}

/// An empty body is an empty structure.
pub fn from_slice<T: Shape>(body: &[u8]) -> Result<T, DecodeError> {
    let mut shape = T::default();
    read_into(&mut shape, body)?;
    Ok(shape)
}

pub(crate) fn read_into(shape: &mut dyn AnyShape, body: &[u8]) -> Result<(), DecodeError> {
    read_structure(shape, &mut TreeReader::new(parse(body)?, Dialect::Cbor))
}

/// A body as a tree.
pub fn parse(body: &[u8]) -> Result<Document, DecodeError> {
    if body.is_empty() {
        return Ok(Document::Null);
    }
    let mut parser = Parser { rest: body };
    let value = parser.value(0)?;
    if parser.rest.is_empty() {
        Ok(value)
    } else {
        Err(malformed())
    }
}

fn malformed() -> DecodeError {
    DecodeError::new("Unable to parse CBOR body")
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or_else(malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(length).map_err(|_| malformed())?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn big_endian(&mut self, length: u64) -> Result<u64, DecodeError> {
        Ok(self
            .take(length)?
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// The argument of a head; `None` is an indefinite length.
    fn argument(&mut self, additional: u8) -> Result<Option<u64>, DecodeError> {
        match additional {
            0..=23 => Ok(Some(u64::from(additional))),
            24..=27 => self.big_endian(1 << (additional - 24)).map(Some),
            31 => Ok(None),
            _ => Err(malformed()),
        }
    }

    fn at_break(&mut self) -> bool {
        let found = self.rest.first() == Some(&BREAK);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Document, DecodeError> {
        if depth > limits::WIRE_NESTING_DEPTH {
            return Err(DecodeError::new("The request is nested too deeply"));
        }
        let head = self.byte()?;
        let (major, additional) = (head >> 5, head & 0x1f);
        if major == SIMPLE {
            return self.simple(additional);
        }
        let argument = self.argument(additional)?;
        match (major, argument) {
            (UNSIGNED, Some(value)) => {
                Ok(i64::try_from(value).map_or(Document::Double(value as f64), Document::Integer))
            }
            (NEGATIVE, Some(value)) => Ok(i64::try_from(value)
                .map_or(Document::Double(-1.0 - value as f64), |value| {
                    Document::Integer(-1 - value)
                })),
            (BYTES, length) => self.chunks(BYTES, length).map(Document::Bytes),
            (TEXT, length) => String::from_utf8(self.chunks(TEXT, length)?)
                .map(Document::String)
                .map_err(|_| malformed()),
            (ARRAY, length) => self.array(length, depth),
            (MAP, length) => self.map(length, depth),
            (TAG, Some(tag)) => self.tagged(tag, depth),
            _ => Err(malformed()),
        }
    }

    fn chunks(&mut self, major: u8, length: Option<u64>) -> Result<Vec<u8>, DecodeError> {
        if let Some(length) = length {
            return self.take(length).map(<[u8]>::to_vec);
        }
        let mut joined = Vec::new();
        while !self.at_break() {
            let head = self.byte()?;
            let length = self.argument(head & 0x1f)?.ok_or_else(malformed)?;
            if head >> 5 != major {
                return Err(malformed());
            }
            joined.extend_from_slice(self.take(length)?);
        }
        Ok(joined)
    }

    fn array(&mut self, length: Option<u64>, depth: usize) -> Result<Document, DecodeError> {
        let mut elements = Vec::new();
        let mut left = length;
        while self.another(&mut left) {
            elements.push(self.value(depth + 1)?);
        }
        Ok(Document::List(elements))
    }

    fn map(&mut self, length: Option<u64>, depth: usize) -> Result<Document, DecodeError> {
        let mut entries = BTreeMap::new();
        let mut left = length;
        while self.another(&mut left) {
            let Document::String(key) = self.value(depth + 1)? else {
                return Err(malformed());
            };
            entries.insert(key, self.value(depth + 1)?);
        }
        Ok(Document::Map(entries))
    }

    /// Whether another element follows: counted down, or until the break.
    fn another(&mut self, left: &mut Option<u64>) -> bool {
        match left {
            Some(0) => false,
            Some(count) => {
                *count -= 1;
                true
            }
            None => !self.at_break(),
        }
    }

    fn tagged(&mut self, tag: u64, depth: usize) -> Result<Document, DecodeError> {
        let value = self.value(depth + 1)?;
        let seconds = match (tag, &value) {
            (TAG_EPOCH, Document::Integer(seconds)) => *seconds as f64,
            (TAG_EPOCH, Document::Double(seconds)) => *seconds,
            _ => return Ok(value),
        };
        Timestamp::from_seconds_f64(seconds)
            .map(Document::Time)
            .ok_or_else(malformed)
    }

    fn simple(&mut self, additional: u8) -> Result<Document, DecodeError> {
        match additional {
            20 => Ok(Document::Boolean(false)),
            21 => Ok(Document::Boolean(true)),
            22 | 23 => Ok(Document::Null),
            25 => Ok(Document::Double(half(self.big_endian(2)? as u16))),
            26 => Ok(Document::Double(f64::from(f32::from_bits(
                self.big_endian(4)? as u32,
            )))),
            27 => Ok(Document::Double(f64::from_bits(self.big_endian(8)?))),
            _ => Err(malformed()),
        }
    }
}

/// A half-precision float.
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => mantissa * 2_f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[derive(Default)]
pub(crate) struct CborWriter {
    pub(crate) out: Vec<u8>,
}

impl CborWriter {
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        match argument {
            0..=23 => self.out.push(major | argument as u8),
            24..=0xff => self.out.extend_from_slice(&[major | 24, argument as u8]),
            0x100..=0xffff => {
                self.out.push(major | 25);
                self.out.extend_from_slice(&(argument as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.out.push(major | 26);
                self.out.extend_from_slice(&(argument as u32).to_be_bytes());
            }
            _ => {
                self.out.push(major | 27);
                self.out.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn signed(&mut self, value: i64) {
        if value < 0 {
            self.head(NEGATIVE, !value as u64)
        } else {
            self.head(UNSIGNED, value as u64)
        }
    }

    fn float(&mut self, value: f64) {
        self.out.push(SIMPLE << 5 | 27);
        self.out.extend_from_slice(&value.to_bits().to_be_bytes());
    }

    fn time(&mut self, value: Timestamp) {
        self.head(TAG, TAG_EPOCH);
        if value.as_millis() % 1000 == 0 {
            self.signed(value.as_millis() / 1000);
        } else {
            self.float(value.as_seconds_f64());
        }
    }

    fn truth(&mut self, value: bool) {
        self.out.push(SIMPLE << 5 | if value { 21 } else { 20 });
    }

    fn value(&mut self, value: &Document) {
        match value {
            Document::Null => self.out.push(SIMPLE << 5 | 22),
            Document::Boolean(value) => self.truth(*value),
            Document::Integer(value) => self.signed(*value),
            Document::Double(value) => self.float(*value),
            Document::String(text) => self.text(text),
            Document::Bytes(bytes) => self.bytes(bytes),
            Document::Time(time) => self.time(*time),
            Document::List(elements) => {
                self.head(ARRAY, elements.len() as u64);
                elements.iter().for_each(|element| self.value(element));
            }
            Document::Map(entries) => {
                self.head(MAP, entries.len() as u64);
                for (key, element) in entries {
                    self.text(key);
                    self.value(element);
                }
            }
        }
    }
}

impl Writer for CborWriter {
    fn begin_structure(&mut self, _schema: &'static Schema) {
        self.out.push(MAP << 5 | 31);
    }

    fn member(&mut self, member: &'static Member) {
        self.text(member.wire_name());
    }

    fn end_structure(&mut self) {
        self.out.push(BREAK);
    }

    fn begin_list(&mut self, _schema: &'static Schema, length: usize) {
        self.head(ARRAY, length as u64);
    }

    fn end_list(&mut self) {}

    fn begin_map(&mut self, _schema: &'static Schema, length: usize) {
        self.head(MAP, length as u64);
    }

    fn key(&mut self, key: &str) {
        self.text(key);
    }

    fn end_map(&mut self) {}

    fn string(&mut self, _schema: &'static Schema, value: &str) {
        self.text(value);
    }

    fn integer(&mut self, _schema: &'static Schema, value: i64) {
        self.signed(value);
    }

    fn double(&mut self, schema: &'static Schema, value: f64) {
        if schema.kind == Kind::Float {
            self.out.push(SIMPLE << 5 | 26);
            self.out
                .extend_from_slice(&(value as f32).to_bits().to_be_bytes());
        } else {
            self.float(value);
        }
    }

    fn boolean(&mut self, _schema: &'static Schema, value: bool) {
        self.truth(value);
    }

    fn timestamp(&mut self, _schema: &'static Schema, value: Timestamp) {
        self.time(value);
    }

    fn blob(&mut self, _schema: &'static Schema, value: &[u8]) {
        self.bytes(value);
    }

    fn document(&mut self, value: &Document) {
        self.value(value);
    }
}
