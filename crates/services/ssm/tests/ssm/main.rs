//! The operations through their handlers, on a store in memory.

mod parameters;
mod world;
