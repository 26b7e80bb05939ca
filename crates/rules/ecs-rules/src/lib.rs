//! What ECS decides, as pure functions: validation, deployments, task states.

pub mod account_setting;
pub mod capacity_provider;
pub mod capacity_reservation;
pub mod capacity_strategy;
pub mod cluster;
pub mod daemon;
pub mod deployment;
pub mod deployment_configuration;
pub mod execute_command;
pub mod gpu;
pub mod instance_lifecycle;
pub mod node;
pub mod refusal;
pub mod secret_reference;
pub mod service;
pub mod task_definition;
pub mod task_overrides;
pub mod task_set;
pub mod task_state;

pub use refusal::Refusal;
