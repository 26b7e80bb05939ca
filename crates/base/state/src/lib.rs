//! Typed tables in memory, transactions, change feed, group commit over an Engine.
