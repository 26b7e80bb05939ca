//! What must always hold, and what must hold once the world is at rest.

mod daemons;
mod percentages;
mod placing;
pub mod rest;
mod rollouts;
pub mod tables;
mod task_sets;
pub mod told;
mod zones;
