//! A node's agent: joins over ACS, runs tasks, and tells the truth about them.
//!
//! It speaks the protocol of Amazon's own agent (ACS, TCS, `Submit*`). Containers belong to the runtime's shims and go on
//! without the agent; what it was told to run is in its own durable state; so it may be killed and started at any time.
//!
//! One deviation from Amazon's agent: a change of a container's health is published at once, not at the next 20 s tick.

mod agent;
mod api;
mod backoff;
mod engine;
mod error;
mod gpus;
mod logs;
mod network_upkeep;
mod networks;
mod node;
mod node_identity;
mod options;
mod records;
mod registration;
mod session;
pub mod task_credentials;
mod telemetry;

pub use agent::run;
pub use engine::registries::{Registries, RegistriesError};
pub use error::AgentError;
pub use gpus::{Gpu, of_this_machine as gpus_of_this_machine};
pub use networks::TaskNetworks;
pub use options::{Capacity, ImageOptions, Options, Overcommit, PullBehavior, Resources};
