//! Runs containers: images, bundles, and a shim process that owns each one.
//!
//! [`Runtime`] is what the agent programs against. [`BuiltinRuntime`] needs nothing
//! installed: images come through `oci-client`, containers are made by libcontainer inside a single-threaded
//! shim process (this very binary, executed again), so that they outlive the agent.

mod builtin;
mod cgroup;
mod contract;
mod disk;
mod error;
mod image;
mod images;
mod logs;
mod oci_runtime;
mod process;
mod root;
mod spec;

pub mod shim;

pub use builtin::{BuiltinOptions, BuiltinRuntime};
pub use contract::{
    BoxFuture, ContainerState, ContainerStats, ContainerStatus, ExecOutcome, ExecRequest, Exit,
    LogCursor, LogLine, LogReader, LogStream, Runtime, Started,
};
pub use error::{CreateError, ExecError, PullError, RuntimeError, StartError};
pub use image::{
    CollectedImages, Image, ImageCleanup, ImageConfig, PullProgress, PullProgressSink, PullRequest,
    RegistryAuth, RegistryEndpoint, no_progress,
};
pub use oci_runtime::OciRuntime;
pub use spec::{
    ContainerSpec, Device, Mount, Namespace, Role, Sandbox, SecretEnvironment, TaskGroup, Tmpfs,
    Ulimit,
};
