//! One file a loop.
