//! Which node takes a task, and why not the others.
