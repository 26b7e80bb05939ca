//! The server's side of ACS and TCS: one session a container instance.

/// The sessions that stand now, by key of the container instance.
#[derive(Default)]
pub struct Sessions {}
