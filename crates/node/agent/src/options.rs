//! What an agent is told when it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::Trust;
use clock::Clock;
use identity::Credentials;
use runtime::{ImageCleanup, Runtime};
use state::Engine;

use crate::engine::registries::Registries;
use crate::gpus::Gpu;
use crate::networks::TaskNetworks;

/// An agent's configuration.
#[derive(Clone)]
pub struct Options {
    /// `http://host:port` of the server, or with https.
    pub endpoint: String,
    /// Whose certificates the server may have.
    pub trust: Trust,
    /// Name or ARN, used verbatim.
    pub cluster: String,
    pub region: String,
    pub capacity: Capacity,
    pub runtime: Arc<dyn Runtime>,
    pub network: Arc<dyn TaskNetworks>,
    /// The agent's own: credentials, state, files of tasks.
    pub data_dir: PathBuf,
    /// Where the agent keeps its state; `None`: a log in `data_dir`.
    pub state: Option<Arc<dyn Engine>>,
    /// Used to join when the node has no credentials of its own, or the server does not know them.
    pub join_credentials: Option<Credentials>,
    /// `None`: the host's name and something drawn by lot, kept with the credentials.
    pub node_name: Option<String>,
    pub overcommit: Overcommit,
    /// Further attributes of the container instance.
    pub attributes: Vec<(String, String)>,
    /// Offered by container instances only, since Fargate has none.
    pub gpus: Vec<Gpu>,
    /// `None`: this machine's.
    pub resources: Option<Resources>,
    pub images: ImageOptions,
    pub clock: Clock,
}

/// Where images come from, and when they go.
#[derive(Clone)]
pub struct ImageOptions {
    pub registries: Registries,
    pub pull_behavior: PullBehavior,
    /// How often images that no task needs are looked for.
    pub cleanup_interval: Duration,
    pub cleanup: ImageCleanup,
}

/// `ECS_IMAGE_PULL_BEHAVIOR`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PullBehavior {
    /// The registry is asked each time; when it fails, what is on the node will do.
    #[default]
    Default,
    /// The registry is asked each time, and its failure is the container's.
    Always,
    /// The registry is asked for what is not on the node.
    PreferCached,
}

/// Whose tasks the node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// Gantry's own capacity for FARGATE and FARGATE_SPOT.
    Serverless,
    /// A container instance of the user's cluster.
    ContainerInstance,
}

/// How many times over a serverless node offers what it has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overcommit {
    pub cpu: f64,
    pub memory: f64,
}

/// What the node has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// 1024 for each CPU.
    pub cpu_units: u32,
    pub memory_mib: u32,
}

impl Capacity {
    /// The value of the attribute `gantry.capacity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serverless => "serverless",
            Self::ContainerInstance => "container-instance",
        }
    }
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            registries: Registries::default(),
            pull_behavior: PullBehavior::Default,
            cleanup_interval: Duration::from_secs(30 * 60),
            cleanup: ImageCleanup::default(),
        }
    }
}

impl Default for Overcommit {
    fn default() -> Self {
        Self {
            cpu: 1.0,
            memory: 1.0,
        }
    }
}

impl Resources {
    /// The CPUs that this process may use and all memory.
    pub fn of_this_machine() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            cpu_units: u32::try_from(cpus).unwrap_or(1).saturating_mul(1024),
            memory_mib: total_memory_mib(&text).unwrap_or_default(),
        }
    }

    /// What is offered: a container instance never offers more than it has (DESIGN §5).
    pub fn offered(self, capacity: Capacity, overcommit: Overcommit) -> Self {
        if capacity == Capacity::ContainerInstance {
            return self;
        }
        let times = |value: u32, factor: f64| {
            (f64::from(value) * factor.max(0.0)).min(f64::from(i32::MAX)) as u32
        };
        Self {
            cpu_units: times(self.cpu_units, overcommit.cpu),
            memory_mib: times(self.memory_mib, overcommit.memory),
        }
    }
}

fn total_memory_mib(meminfo: &str) -> Option<u32> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    u32::try_from(kib / 1024).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_serverless_nodes_offer_more_than_they_have() {
        let resources = Resources {
            cpu_units: 2048,
            memory_mib: 1000,
        };
        let overcommit = Overcommit {
            cpu: 8.0,
            memory: 1.5,
        };
        let offered = resources.offered(Capacity::Serverless, overcommit);
        assert_eq!(
            offered,
            Resources {
                cpu_units: 16_384,
                memory_mib: 1500
            }
        );
        assert_eq!(
            resources.offered(Capacity::ContainerInstance, overcommit),
            resources
        );
    }

    #[test]
    fn this_machine_has_something() {
        assert_eq!(
            total_memory_mib("MemFree: 1 kB\nMemTotal:       2097152 kB\n"),
            Some(2048)
        );
        let resources = Resources::of_this_machine();
        assert!(
            resources.cpu_units >= 1024 && resources.memory_mib > 0,
            "{resources:?}"
        );
    }
}
