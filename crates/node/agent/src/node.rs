//! What every part of a running agent shares.

use std::path::PathBuf;
use std::sync::Arc;

use clock::Clock;
use runtime::Runtime;
use state::Store;

use crate::api::Api;
use crate::engine::images::Images;
use crate::networks::TaskNetworks;
use crate::telemetry::Telemetry;

pub struct Node {
    pub clock: Clock,
    pub runtime: Arc<dyn Runtime>,
    pub network: Arc<dyn TaskNetworks>,
    pub store: Store,
    pub api: Arc<Api>,
    pub images: Images,
    pub telemetry: Telemetry,
    pub data_dir: PathBuf,
    /// The kernel's name for this boot of the machine.
    pub boot_id: String,
    /// CPU is overcommitted: tasks share it by weight, and no quota cuts them off.
    pub cpu_by_weight: bool,
}

impl Node {
    pub fn task_directory(&self, task_id: &str) -> PathBuf {
        self.tasks_directory().join(task_id)
    }

    pub fn tasks_directory(&self) -> PathBuf {
        self.data_dir.join("tasks")
    }

    /// Volumes that outlive tasks.
    pub fn volumes_directory(&self) -> PathBuf {
        self.data_dir.join("volumes")
    }
}
