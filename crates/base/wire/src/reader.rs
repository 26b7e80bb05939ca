//! What a codec offers to the shapes that read themselves.

use crate::{DecodeError, Document, Schema, Timestamp};

pub type EachMember<'a> = dyn FnMut(usize, &mut dyn Reader) -> Result<(), DecodeError> + 'a;
pub type EachElement<'a> = dyn FnMut(&mut dyn Reader) -> Result<(), DecodeError> + 'a;
pub type EachEntry<'a> = dyn FnMut(String, &mut dyn Reader) -> Result<(), DecodeError> + 'a;

/// One value on the wire. Absent and null members, elements and entries are not visited;
/// members that the schema does not know are skipped.
pub trait Reader {
    fn structure(
        &mut self,
        schema: &'static Schema,
        each: &mut EachMember<'_>,
    ) -> Result<(), DecodeError>;
    fn list(
        &mut self,
        schema: &'static Schema,
        each: &mut EachElement<'_>,
    ) -> Result<(), DecodeError>;
    fn map(&mut self, schema: &'static Schema, each: &mut EachEntry<'_>)
    -> Result<(), DecodeError>;
    fn string(&mut self, schema: &'static Schema) -> Result<String, DecodeError>;
    /// Within the range of the schema's kind.
    fn integer(&mut self, schema: &'static Schema) -> Result<i64, DecodeError>;
    fn double(&mut self, schema: &'static Schema) -> Result<f64, DecodeError>;
    fn boolean(&mut self, schema: &'static Schema) -> Result<bool, DecodeError>;
    fn timestamp(&mut self, schema: &'static Schema) -> Result<Timestamp, DecodeError>;
    fn blob(&mut self, schema: &'static Schema) -> Result<Vec<u8>, DecodeError>;
    fn document(&mut self) -> Result<Document, DecodeError>;
}
