//! What the control plane and a node say to each other.
//!
//! Amazon's agent protocol as `amazon-ecs-agent` 1.105 speaks it: ACS (what to run), TCS (how it goes), and the
//! Docker Engine API JSON that ACS carries for every container. Both ends use this crate, so it does no I/O.

pub mod acs;
pub mod docker;
mod envelope;
mod messages;
mod query;
pub mod render;
mod shape;
pub mod tcs;

pub use envelope::{Envelope, HandshakeRefusal};
pub use query::{AcsQuery, TcsQuery};

/// Why a frame or a document on the link could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("the frame is not an envelope with `type` and `message`: {0}")]
    Envelope(serde_json::Error),
    #[error("the body of `{kind}` is not what that message carries: {source}")]
    Body {
        kind: String,
        source: serde_json::Error,
    },
    #[error("dockerConfig.{part} asks for something this node does not know: {source}")]
    Docker {
        part: &'static str,
        source: serde_json::Error,
    },
}
