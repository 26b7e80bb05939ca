//! What every part of a running agent shares.

use std::path::PathBuf;
use std::sync::Arc;

use clock::Clock;
use runtime::Runtime;
use state::Store;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::Api;
use crate::engine::images::Images;
use crate::gpus::Gpu;
use crate::networks::TaskNetworks;
use crate::telemetry::Telemetry;

/// A start waits for the kernel too, not only for the processor.
const PREPARING_PER_CPU: usize = 4;
const STARTING_PER_CPU: usize = 4;

pub struct Node {
    pub clock: Clock,
    pub runtime: Arc<dyn Runtime>,
    pub network: Arc<dyn TaskNetworks>,
    pub store: Store,
    pub api: Arc<Api>,
    pub images: Images,
    pub telemetry: Telemetry,
    pub gates: Gates,
    pub data_dir: PathBuf,
    /// The kernel's name for this boot of the machine.
    pub boot_id: String,
    /// What associations of tasks name.
    pub gpus: Vec<Gpu>,
    /// CPU is overcommitted: tasks share it by weight, and no quota cuts them off.
    pub cpu_by_weight: bool,
}

/// How much of each kind of work goes on at a time when many tasks start at once. More would not be faster, since the
/// work is the processors', and the first task would run hardly sooner than the last.
pub struct Gates {
    /// Networks, files and control groups being made.
    pub preparing: Semaphore,
    /// Containers being created or started; apart from the above, so that what is prepared starts first.
    pub starting: Semaphore,
}

impl Gates {
    pub fn of_this_machine() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            preparing: Semaphore::new(cpus * PREPARING_PER_CPU),
            starting: Semaphore::new(cpus * STARTING_PER_CPU),
        }
    }
}

/// The permit is given back when the answer is dropped.
pub async fn pass(gate: &Semaphore) -> Option<SemaphorePermit<'_>> {
    // Gates are never closed.
    gate.acquire().await.ok()
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
