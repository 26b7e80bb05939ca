//! Runs tasks: pure rules decide, one driver a task carries out.

mod adopt;
mod clean_up;
mod driver;
mod gpus;
mod health;
pub mod image_cleanup;
pub mod image_reference;
mod image_volumes;
pub mod images;
mod plan;
mod prepare;
pub mod registries;
mod report;
pub mod rules;
#[cfg(test)]
mod rules_tests;
mod sandbox;
mod secrets;
pub mod settings;
mod spec;
pub mod tasks;
mod work;
