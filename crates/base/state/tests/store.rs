//! The store over the memory engine: promises one by one, and properties over random histories.

#[path = "store/backup.rs"]
mod backup;
#[path = "store/common.rs"]
mod common;
#[path = "store/durability.rs"]
mod durability;
#[path = "store/full_disk.rs"]
mod full_disk;
#[path = "store/properties.rs"]
mod properties;
#[path = "store/transactions.rs"]
mod transactions;
