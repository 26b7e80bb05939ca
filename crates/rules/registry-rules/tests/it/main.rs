//! Lifecycle policies by AWS's examples and by property, and which tags may move.

mod examples;
mod properties;
mod tag_mutability;
