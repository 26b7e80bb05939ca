//! The ECS API and its loops.
