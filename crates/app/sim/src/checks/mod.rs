//! What must always hold, and what must hold once the world is at rest.

pub mod rest;
pub mod tables;
pub mod told;
