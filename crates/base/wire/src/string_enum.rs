//! Enums of the models: open, because clients send values that are newer than our model.

/// Defines a newtype over a string with a constant for each value of the model.
#[macro_export]
macro_rules! string_enum {
    ($name:ident { $($constant:ident = $value:literal),* $(,)? }) => {
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(::std::borrow::Cow<'static, str>);

        impl $name {
            $(pub const $constant: $name = $name(::std::borrow::Cow::Borrowed($value));)*
            /// Every value of the model.
            pub const VALUES: &'static [&'static str] = &[$($value),*];

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        $crate::string_value!($name);
    };
}

/// The trait implementations of a string newtype; apart so that the hidden part stays short.
#[doc(hidden)]
#[macro_export]
macro_rules! string_value {
    ($name:ident) => {
        impl ::std::convert::From<&str> for $name {
            fn from(value: &str) -> Self {
                $name(::std::borrow::Cow::Owned(value.to_owned()))
            }
        }

        impl ::std::convert::From<::std::string::String> for $name {
            fn from(value: ::std::string::String) -> Self {
                $name(::std::borrow::Cow::Owned(value))
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl ::std::cmp::PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl ::std::cmp::PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl $crate::Value for $name {
            fn write_value(
                &self,
                schema: &'static $crate::Schema,
                writer: &mut dyn $crate::Writer,
            ) {
                writer.string(schema, &self.0);
            }

            fn read_value(
                schema: &'static $crate::Schema,
                reader: &mut dyn $crate::Reader,
            ) -> ::std::result::Result<Self, $crate::DecodeError> {
                reader
                    .string(schema)
                    .map(|value| $name(::std::borrow::Cow::Owned(value)))
            }
        }
    };
}
