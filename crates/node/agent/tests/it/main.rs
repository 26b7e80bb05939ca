//! The agent against a server and a runtime made up in this process.
//!
//! The sockets are real, so the protocol is what goes over the wire. The runtime is not: what is tested is what the
//! agent does when containers exit, hang, vanish or cannot be pulled, at will and without root. The real runtime has
//! its own tests and meets the agent in the acceptance tests.

#![allow(clippy::unwrap_used, reason = "tests")]

mod fake_runtime;
mod fake_server;
mod lifecycle;
mod restart;
mod start_cost;
mod world;
