//! What a codec offers to the shapes that write themselves.

use crate::{AnyShape, Document, Member, Schema, Timestamp};

/// Events in document order. Writing cannot fail: what cannot be represented is decided by the schema, not the value.
pub trait Writer {
    fn begin_structure(&mut self, schema: &'static Schema);
    /// Announces the member whose value comes next.
    fn member(&mut self, member: &'static Member);
    fn end_structure(&mut self);
    fn begin_list(&mut self, schema: &'static Schema, length: usize);
    fn end_list(&mut self);
    fn begin_map(&mut self, schema: &'static Schema, length: usize);
    /// Announces the entry whose value comes next.
    fn key(&mut self, key: &str);
    fn end_map(&mut self);
    fn string(&mut self, schema: &'static Schema, value: &str);
    fn integer(&mut self, schema: &'static Schema, value: i64);
    fn double(&mut self, schema: &'static Schema, value: f64);
    fn boolean(&mut self, schema: &'static Schema, value: bool);
    fn timestamp(&mut self, schema: &'static Schema, value: Timestamp);
    fn blob(&mut self, schema: &'static Schema, value: &[u8]);
    fn document(&mut self, value: &Document);
}

/// Writes a structure with the members that are set.
pub(crate) fn write_structure(shape: &dyn AnyShape, writer: &mut dyn Writer) {
    writer.begin_structure(shape.schema());
    write_members(shape, writer);
    writer.end_structure();
}

/// The members alone, for who has opened the structure already.
pub(crate) fn write_members(shape: &dyn AnyShape, writer: &mut dyn Writer) {
    let schema = shape.schema();
    for (index, member) in schema.members.iter().enumerate() {
        if let Some(slot) = shape.member(index)
            && slot.is_set()
        {
            writer.member(member);
            slot.write(member.target, writer);
        }
    }
}
