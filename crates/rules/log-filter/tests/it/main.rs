//! Filter patterns by example (AWS's guide) and by property.

mod examples;
mod properties;
