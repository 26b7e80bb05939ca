//! The binary: up, server, agent, and the user's commands.

fn main() {}
