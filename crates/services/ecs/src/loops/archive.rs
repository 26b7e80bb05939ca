//! Moves STOPPED tasks into the history. The history has the task, durably, before the table lets go of it; a crash in
//! between leaves it in both, and appending it again changes nothing.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kit::{Loop, LoopError, Next};
use state::{Change, Head, Record, StateError};

use crate::{
    Ecs, archive,
    loops::ROWS_AT_ONCE,
    records::{TaskRecord, TaskStatus},
};

/// How long a STOPPED task stays in the tables: whoever waits for it (loops, a client's next poll) finds it quickly.
const STAYS: Duration = Duration::from_secs(10);
/// The only key: stopped tasks are moved together, so that many share one fsync.
const STOPPED: &str = "stopped";

/// How often at most they are moved while tasks stop all the time: one look at all of them for many.
const TOGETHER: Duration = Duration::from_secs(1);

pub(super) struct Archive {
    ecs: Arc<Ecs>,
    /// A look is due already, so that another stopped task asks for none.
    is_due: AtomicBool,
}

impl Loop for Archive {
    const NAME: &'static str = "archive";

    fn dirty(&self, change: &Change, keys: &mut BTreeSet<String>) {
        let has_stopped = change.of::<TaskRecord>().is_some_and(|(before, after)| {
            let is_stopped = |task: &TaskRecord| task.last_status == TaskStatus::Stopped;
            after.is_some_and(is_stopped) && !before.is_some_and(is_stopped)
        });
        if has_stopped && !self.is_due.swap(true, Ordering::Relaxed) {
            keys.insert(STOPPED.into());
        }
    }

    fn sweep(&self, head: &Head) -> Vec<String> {
        if head.index_len::<TaskRecord>("by_work", "stopped") == 0 {
            return vec![];
        }
        vec![STOPPED.into()]
    }

    async fn reconcile(&self, _key: &str) -> Result<Next, LoopError> {
        // Before the look: what stops after it asks for the next one.
        self.is_due.store(false, Ordering::Relaxed);
        let now = self.ecs.clock.now();
        let looked = self
            .ecs
            .store
            .read(|head| head.index::<TaskRecord>("by_work", "stopped"));
        // Only what is durable may go to the history: it could not be taken back there.
        let mut stopped = looked.durable().await?;
        let due_at = |task: &TaskRecord| task.stopped_at.unwrap_or(task.created_at) + STAYS;
        let next = stopped
            .iter()
            .map(|task| due_at(task))
            .filter(|due| *due > now)
            .min();
        stopped.retain(|task| due_at(task) <= now);
        for tasks in stopped.chunks(ROWS_AT_ONCE) {
            self.move_out(tasks).await?;
        }
        Ok(match next {
            None => Next::OnChange,
            Some(due) => {
                self.is_due.store(true, Ordering::Relaxed);
                Next::At(due.max(now + TOGETHER))
            }
        })
    }
}

impl Archive {
    pub fn new(ecs: Arc<Ecs>) -> Self {
        Self {
            ecs,
            is_due: AtomicBool::new(false),
        }
    }

    async fn move_out(&self, tasks: &[Arc<TaskRecord>]) -> Result<(), LoopError> {
        let entries = tasks
            .iter()
            .map(|task| archive::entry(task))
            .collect::<Result<Vec<_>, _>>()?;
        self.ecs
            .history
            .append_all(history::TASKS, entries)
            .await
            .map_err(|error| LoopError::Other(error.to_string()))?;
        let deleted = self.ecs.store.transact(|tx| {
            for task in tasks {
                tx.delete::<TaskRecord>(&task.key());
            }
            Ok::<_, StateError>(())
        })?;
        deleted.head();
        Ok(())
    }
}
