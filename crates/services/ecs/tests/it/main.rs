//! The operations of ECS through their real handlers, on a store in memory. One binary for all of them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod attributes;
mod clusters;
mod container_instances;
mod first_start;
mod placement;
mod run_task;
mod services;
mod tags;
mod task_definitions;
mod task_life;
mod world;
