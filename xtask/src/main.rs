//! The project's own tools: models, codegen, tidy, coverage.

fn main() {}
