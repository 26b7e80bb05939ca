//! The server's disk: what is committed here survives a kill. Commits take their time, and a kill may come before or
//! after the moment in which one becomes durable.

use std::sync::Arc;

use clock::Clock;
use state::{
    Batch, BoxFuture, BoxStream, Engine, EngineError, Fence, FollowError, Loaded, MemoryEngine,
    Revision,
};

use crate::{lot::Lot, profile::DiskFaults};

/// The rows of all incarnations of the server; clones share them.
#[derive(Clone)]
pub struct Disk {
    rows: MemoryEngine,
    faults: DiskFaults,
    lot: Lot,
}

impl Disk {
    pub fn new(faults: DiskFaults, lot: Lot) -> Self {
        Self {
            rows: MemoryEngine::new(),
            faults,
            lot,
        }
    }

    /// The engine of one incarnation, which lives as long as the tasks of its clock.
    pub fn engine(&self, clock: Clock) -> Arc<dyn Engine> {
        Arc::new(DiskEngine {
            disk: self.clone(),
            clock,
        })
    }

    pub fn fill(&self, is_full: bool) {
        self.rows.fill_disk(is_full);
    }
}

struct DiskEngine {
    disk: Disk,
    clock: Clock,
}

impl DiskEngine {
    async fn pause(&self) {
        let (least, most) = self.disk.faults.latency;
        let pause = self.disk.lot.duration(least, most) / 2;
        if !pause.is_zero() {
            self.clock.sleep(pause).await;
        }
    }
}

impl Engine for DiskEngine {
    fn lead<'a>(&'a self, candidate: &'a str) -> BoxFuture<'a, Result<Fence, EngineError>> {
        self.disk.rows.lead(candidate)
    }

    fn load(&self) -> BoxFuture<'_, Result<Loaded, EngineError>> {
        self.disk.rows.load()
    }

    /// A kill in the first pause loses the group, one in the second only the answer to it.
    fn commit(
        &self,
        fence: Fence,
        group: Vec<Batch>,
    ) -> BoxFuture<'_, Result<Revision, EngineError>> {
        Box::pin(async move {
            self.pause().await;
            let committed = self.disk.rows.commit(fence, group).await;
            self.pause().await;
            committed
        })
    }

    fn follow(&self, from: Revision) -> BoxStream<'static, Result<Arc<Batch>, FollowError>> {
        self.disk.rows.follow(from)
    }
}
