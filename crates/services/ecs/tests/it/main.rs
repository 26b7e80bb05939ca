//! The operations of ECS through their real handlers, on a store in memory. One binary for all of them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod account_settings;
mod attributes;
mod capacity_providers;
mod clusters;
mod connections;
mod container_instances;
mod delete_definitions;
mod first_start;
mod gpus;
mod placement;
mod run_task;
mod services;
mod start_cost;
mod start_task;
mod tags;
mod task_credentials;
mod task_definitions;
mod task_life;
mod task_protection;
mod world;
