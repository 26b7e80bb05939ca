//! What clients and the operator do.

pub mod behaviour;
pub mod client;
pub mod definitions;
pub mod operator;
pub mod services;
mod tasks;
