//! One file an operation: what it needs to be allowed, and what it does.
