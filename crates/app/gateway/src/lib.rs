//! One endpoint: listeners, protocol detection, SigV4, routing, websockets.
//!
//! The way of a request: connection ([`Bound::serve`]) → what kind of request it is (`dispatch`) →
//! for an API call: body, route, signature, policy, operation, answer (`api`); for an agent:
//! signature, policy, upgrade (`websocket`); for the registry: as it is, since the registry has its
//! own authentication.

mod answer;
mod api;
mod authenticate;
mod builder;
mod dispatch;
mod listener;
mod policy;
mod serve;
mod shutdown;
mod websocket;

pub use builder::{Gateway, GatewayBuilder, GatewayError};
pub use listener::{Listener, Role};
pub use policy::{Ownership, PrincipalPolicy};
pub use serve::Bound;
pub use shutdown::ShutdownSignal;
pub use websocket::{ServerSocket, WebSocketHandler, WebSocketRequest};
