//! How a wire shape is written down: camelCase members, absent when they hold nothing, unknown ones ignored.

use serde::{Deserialize, Deserializer};

/// Declares structs whose members are all optional on the wire; `null` and absence are the same.
macro_rules! shape {
    ($($(#[$meta:meta])* $name:ident { $($(#[$member_meta:meta])* $member:ident: $kind:ty),* $(,)? })*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name { $(
            $(#[$member_meta])*
            #[serde(
                skip_serializing_if = "crate::shape::is_default",
                deserialize_with = "crate::shape::null_as_default"
            )]
            pub $member: $kind,
        )* }
    )* };
}
pub(crate) use shape;

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(crate) fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
