//! RegisterTaskDefinition: what is refused with which words, what is filled in, and properties of both.

mod answers;
mod containers;
mod launch_types;
mod networks;
mod properties;
mod secrets;
mod sizes;
mod unsupported;
