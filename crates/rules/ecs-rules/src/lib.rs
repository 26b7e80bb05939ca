//! What ECS decides, as pure functions: validation, deployments, task states.

pub mod capacity_strategy;
pub mod task_state;
