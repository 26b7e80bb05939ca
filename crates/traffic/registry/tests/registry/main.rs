//! The registry as its clients meet it: over sockets, with `skopeo` where it is installed.

mod clients;
mod memory;
mod protocol;
mod server;
mod sources;
