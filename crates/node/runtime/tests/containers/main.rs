//! Real containers on this machine. Needs root and a static busybox; without them the tests say so and pass.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod confinement;
mod fixture;
mod images;
mod life;
mod registry;
mod restart;
mod runc;
mod sandbox;
mod terminal;
mod world;
