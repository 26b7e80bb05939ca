//! The static program inside the demo image.

fn main() {}
