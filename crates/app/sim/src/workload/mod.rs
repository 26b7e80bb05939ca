//! What clients and the operator do.

pub mod behaviour;
pub mod client;
pub mod daemons;
pub mod definitions;
pub mod deployments;
pub mod operator;
mod owned;
pub mod placing;
mod protection;
pub mod services;
pub mod task_sets;
mod tasks;
