//! What the agent says and hears about images.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An image that is unpacked on this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// As it was asked for.
    pub reference: String,
    /// Of the manifest that the reference named (of the index, when it named one), as ECS shows in `imageDigest`.
    pub digest: String,
    pub config: ImageConfig,
}

/// What the image says about running it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    pub environment: Vec<String>,
    pub command: Vec<String>,
    pub entrypoint: Vec<String>,
    pub user: Option<String>,
    pub working_directory: Option<String>,
    pub stop_signal: Option<String>,
    /// `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// Directories that are volumes, whether somebody names one for them or not.
    #[serde(default)]
    pub volumes: Vec<String>,
}

/// Which image, and where to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// As in the task definition: `nginx`, `ghcr.io/x/y:1`, `…@sha256:…`.
    pub reference: String,
    pub auth: Option<RegistryAuth>,
    /// Where the registry named in `reference` really is; `None`: at its name, by https (http when it is loopback).
    pub endpoint: Option<RegistryEndpoint>,
}

/// A registry's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEndpoint {
    /// `host[:port]`.
    pub host: String,
    /// What comes before the image's name there; empty: nothing.
    pub path_prefix: String,
    pub plain_http: bool,
}

/// User and password, as `GetAuthorizationToken` or a secret gives them.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryAuth {
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for RegistryAuth {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RegistryAuth({})", self.username)
    }
}

/// When images that nothing uses are deleted. The defaults are those of ECS's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageCleanup {
    /// Since it was last wanted.
    pub minimum_age: Duration,
    /// Images that go for their age in one round; the oldest first.
    pub at_most: usize,
    /// From so much of the disk (or of its inodes) on, the next age counts, and there is no other bound.
    pub pressure_percent: u8,
    pub pressure_minimum_age: Duration,
}

impl Default for ImageCleanup {
    fn default() -> Self {
        Self {
            minimum_age: Duration::from_secs(3600),
            at_most: 5,
            pressure_percent: 85,
            pressure_minimum_age: Duration::from_secs(60),
        }
    }
}

/// What was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectedImages {
    pub references: Vec<String>,
    pub layers: usize,
}

/// How far a pull is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullProgress {
    /// The manifest is known: so many layers, of which so many are here already.
    Resolved {
        digest: String,
        layers: usize,
        present: usize,
    },
    /// One layer's download.
    Layer {
        digest: String,
        received_bytes: u64,
        total_bytes: u64,
    },
    /// One layer is verified and unpacked.
    Unpacked { digest: String },
}

/// Hears about progress; called from the pull's tasks, so it must be quick.
pub type PullProgressSink = Arc<dyn Fn(PullProgress) + Send + Sync>;

/// For who does not want to hear.
pub fn no_progress() -> PullProgressSink {
    Arc::new(|_| {})
}
