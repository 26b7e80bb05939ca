//! The operations through their handlers, on a store in memory.

mod secrets;
mod world;
