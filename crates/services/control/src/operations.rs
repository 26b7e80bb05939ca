//! The operations, one file each.

mod join_node;
