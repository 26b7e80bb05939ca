//! The gateway over real sockets: signed calls through our client, and raw bytes.

mod api;
mod guard;
mod raw;
mod shutdown;
mod support;
mod tls;
mod websocket;
