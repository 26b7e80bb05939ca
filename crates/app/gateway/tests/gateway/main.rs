//! The gateway over real sockets: signed calls through our client, and raw bytes.

mod api;
mod raw;
mod shutdown;
mod support;
mod websocket;
