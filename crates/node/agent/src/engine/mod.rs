//! Runs tasks: pure rules decide, one driver a task carries out.

pub mod health;
pub mod image_reference;
pub mod plan;
pub mod rules;
#[cfg(test)]
mod rules_tests;
pub mod settings;
pub mod spec;
