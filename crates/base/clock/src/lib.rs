//! The only door to time, randomness and spawned tasks.
