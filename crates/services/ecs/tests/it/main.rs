//! The operations of ECS through their real handlers, on a store in memory. One binary for all of them.

mod clusters;
mod container_instances;
mod first_start;
mod tags;
mod task_definitions;
mod world;
