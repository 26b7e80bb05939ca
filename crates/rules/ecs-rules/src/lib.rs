//! What ECS decides, as pure functions: validation, deployments, task states.
