//! Simulated nodes: machines with containers that live and die by the clock, and an agent on each that speaks Amazon's
//! protocol through the server's real link layer.

mod acs;
pub mod agent;
mod driver;
pub mod machine;
mod tcs;
