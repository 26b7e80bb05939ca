//! Shapes: values that describe themselves by a static schema.
//!
//! A generated structure only hands out its slots (`member`, `member_mut`); the walking is written once,
//! here, over `dyn`. That is what keeps 446 ECS structures at seconds of compile time.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::writer::write_structure;
use crate::{Blob, DecodeError, Document, Reader, Schema, Timestamp, Writer};

/// A structure behind `dyn`.
pub trait AnyShape: Any + Debug + Send + Sync {
    fn schema(&self) -> &'static Schema;
    /// The slot of the member at this place of the schema.
    fn member(&self, index: usize) -> Option<&dyn Slot>;
    fn member_mut(&mut self, index: usize) -> Option<&mut dyn Slot>;
}

/// A structure by type.
pub trait Shape: AnyShape + Default + Clone + PartialEq {
    const SCHEMA: &'static Schema;
}

/// A member that may be absent.
pub trait Slot {
    fn is_set(&self) -> bool;
    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer);
    fn read(&mut self, schema: &'static Schema, reader: &mut dyn Reader)
    -> Result<(), DecodeError>;
}

/// A value that can stand in a member, a list or a map.
pub trait Value: Sized {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer);
    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError>;
}

/// Fills the members that the reader has.
pub fn read_structure(
    shape: &mut dyn AnyShape,
    reader: &mut dyn Reader,
) -> Result<(), DecodeError> {
    let schema = shape.schema();
    reader.structure(schema, &mut |index, reader| match shape.member_mut(index) {
        Some(slot) => slot.read(schema.members[index].target, reader),
        None => Ok(()),
    })
}

impl<T: Value> Slot for Option<T> {
    fn is_set(&self) -> bool {
        self.is_some()
    }

    fn write(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        if let Some(value) = self {
            value.write_value(schema, writer);
        }
    }

    fn read(
        &mut self,
        schema: &'static Schema,
        reader: &mut dyn Reader,
    ) -> Result<(), DecodeError> {
        *self = Some(T::read_value(schema, reader)?);
        Ok(())
    }
}

impl<T: Shape> Value for T {
    fn write_value(&self, _schema: &'static Schema, writer: &mut dyn Writer) {
        write_structure(self, writer);
    }

    fn read_value(_schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        let mut shape = T::default();
        read_structure(&mut shape, reader)?;
        Ok(shape)
    }
}

/// For recursive structures. Not `Box`: `impl Shape for Box<Local>` would be another crate's right.
impl<T: Shape> Value for std::sync::Arc<T> {
    fn write_value(&self, _schema: &'static Schema, writer: &mut dyn Writer) {
        write_structure(&**self, writer);
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        T::read_value(schema, reader).map(std::sync::Arc::new)
    }
}

impl<T: Value> Value for Vec<T> {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        let element = schema.element().target;
        writer.begin_list(schema, self.len());
        for value in self {
            value.write_value(element, writer);
        }
        writer.end_list();
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        let element = schema.element().target;
        let mut values = Vec::new();
        reader.list(schema, &mut |reader| {
            values.push(T::read_value(element, reader)?);
            Ok(())
        })?;
        Ok(values)
    }
}

impl<T: Value> Value for BTreeMap<String, T> {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        let element = schema.element().target;
        writer.begin_map(schema, self.len());
        for (key, value) in self {
            writer.key(key);
            value.write_value(element, writer);
        }
        writer.end_map();
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        let element = schema.element().target;
        let mut values = BTreeMap::new();
        reader.map(schema, &mut |key, reader| {
            values.insert(key, T::read_value(element, reader)?);
            Ok(())
        })?;
        Ok(values)
    }
}

impl Value for String {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.string(schema, self);
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        reader.string(schema)
    }
}

impl Value for i32 {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.integer(schema, i64::from(*self));
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        let value = reader.integer(schema)?;
        i32::try_from(value).map_err(|_| DecodeError::wrong_type("NUMBER_VALUE", "Integer"))
    }
}

impl Value for i64 {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.integer(schema, *self);
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        reader.integer(schema)
    }
}

impl Value for f64 {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.double(schema, *self);
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        reader.double(schema)
    }
}

impl Value for bool {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.boolean(schema, *self);
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        reader.boolean(schema)
    }
}

impl Value for Timestamp {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.timestamp(schema, *self);
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        reader.timestamp(schema)
    }
}

impl Value for Blob {
    fn write_value(&self, schema: &'static Schema, writer: &mut dyn Writer) {
        writer.blob(schema, self);
    }

    fn read_value(schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        reader.blob(schema).map(Blob)
    }
}

impl Value for Document {
    fn write_value(&self, _schema: &'static Schema, writer: &mut dyn Writer) {
        writer.document(self);
    }

    fn read_value(_schema: &'static Schema, reader: &mut dyn Reader) -> Result<Self, DecodeError> {
        reader.document()
    }
}

/// The input or output of an operation that has none.
#[derive(Clone, Default, PartialEq)]
pub struct Unit {}

crate::shape!(Unit, crate::prelude::UNIT, {});
