//! The pure rules from outside: one binary for all their tests.

mod support;
mod task_definitions;
