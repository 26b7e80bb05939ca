//! One endpoint: listeners, protocol detection, SigV4, routing, websockets.
//!
//! The way of a request: connection ([`Bound::serve`]) → what kind of request it is (`dispatch`) →
//! for an API call: body, route, signature, policy, operation, answer (`api`); for an agent:
//! signature, policy, upgrade (`websocket`); for the registry: as it is, since the registry has its
//! own authentication.
//!
//! What guards all of them: TLS (`tls`), limits on slow and large requests (`patience`, `api`), throttling (`throttle`).
//! What tells of them: the access log (`dispatch`), `/metrics` (`metrics`), `/healthz`.

mod answer;
mod api;
mod authenticate;
mod builder;
mod dispatch;
mod listener;
mod metrics;
mod patience;
mod policy;
mod serve;
mod shutdown;
mod throttle;
mod tls;
mod websocket;

pub use builder::{ConnectionLimits, Gateway, GatewayBuilder, GatewayError};
pub use listener::{Listener, Role};
pub use metrics::{Collect, Kind, MetricsPage};
pub use policy::{Ownership, PrincipalPolicy};
pub use serve::Bound;
pub use shutdown::ShutdownSignal;
pub use throttle::Throttle;
pub use tls::Tls;
pub use websocket::{ServerSocket, WebSocketHandler, WebSocketRequest};
