//! The pure rules from outside: one binary for all their tests.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod plans;
mod support;
mod task_definitions;
