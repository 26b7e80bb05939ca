//! The embedded engine: redb.
