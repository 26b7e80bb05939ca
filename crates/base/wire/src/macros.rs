//! What generated crates expand for each structure.

/// Implements the shape traits and `Debug` for a structure: its schema, and its fields by their place in the schema.
#[macro_export]
macro_rules! shape {
    ($name:ident, $schema:path, { $($index:literal => $field:ident),* $(,)? }) => {
        impl $crate::AnyShape for $name {
            fn schema(&self) -> &'static $crate::Schema {
                &$schema
            }

            fn member(&self, index: usize) -> ::std::option::Option<&dyn $crate::Slot> {
                match index {
                    $($index => ::std::option::Option::Some(&self.$field),)*
                    _ => ::std::option::Option::None,
                }
            }

            fn member_mut(&mut self, index: usize) -> ::std::option::Option<&mut dyn $crate::Slot> {
                match index {
                    $($index => ::std::option::Option::Some(&mut self.$field),)*
                    _ => ::std::option::Option::None,
                }
            }
        }

        impl $crate::Shape for $name {
            const SCHEMA: &'static $crate::Schema = &$schema;
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::debug_shape(self, formatter)
            }
        }
    };
}
