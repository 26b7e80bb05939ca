//! The last committed batches, kept in memory for followers; for engines whose store keeps no log of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream;
use tokio::sync::watch;

use crate::engine::{Batch, BoxStream, FollowError, Revision};

/// A bounded window on the log. Cheap to clone.
#[derive(Clone)]
pub struct RecentBatches {
    shared: Arc<Shared>,
}

impl RecentBatches {
    /// Empty, at the revision that the engine has.
    pub fn new(revision: Revision) -> Self {
        let window = Window {
            start: revision + 1,
            batches: VecDeque::new(),
            bytes: 0,
        };
        Self {
            shared: Arc::new(Shared {
                window: Mutex::new(window),
                newest: watch::Sender::new(revision),
            }),
        }
    }

    /// Appends batches that have become durable; they continue the revisions without gaps.
    pub fn append(&self, batches: Vec<Batch>) {
        let Some(newest) = batches.last().map(|batch| batch.revision) else {
            return;
        };
        {
            let mut window = self.window();
            for batch in batches {
                window.bytes += size(&batch);
                window.batches.push_back(Arc::new(batch));
            }
            while window.batches.len() > limits::FOLLOW_BATCHES
                || window.bytes > limits::FOLLOW_BYTES
            {
                let Some(oldest) = window.batches.pop_front() else {
                    break;
                };
                window.bytes -= size(&oldest);
                window.start = oldest.revision + 1;
            }
        }
        self.shared.newest.send_replace(newest);
    }

    /// See [`crate::Engine::follow`].
    pub fn follow(&self, from: Revision) -> BoxStream<'static, Result<Arc<Batch>, FollowError>> {
        let start = Some((self.clone(), self.shared.newest.subscribe(), from));
        Box::pin(stream::unfold(start, |state| async {
            let (recent, mut newest, from) = state?;
            newest.wait_for(|newest| *newest > from).await.ok()?;
            match recent.after(from) {
                Ok(batch) => Some((Ok(batch), Some((recent, newest, from + 1)))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    fn after(&self, from: Revision) -> Result<Arc<Batch>, FollowError> {
        let window = self.window();
        let wanted = (from + 1)
            .checked_sub(window.start)
            .and_then(|position| usize::try_from(position).ok());
        let batch = wanted.and_then(|position| window.batches.get(position));
        batch.cloned().ok_or(FollowError::Compacted {
            from,
            oldest: window.start,
        })
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.shared
            .window
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

struct Shared {
    window: Mutex<Window>,
    newest: watch::Sender<Revision>,
}

struct Window {
    /// The revision of the first batch in the window, or of the next to come.
    start: Revision,
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
}

fn size(batch: &Batch) -> usize {
    batch
        .writes
        .iter()
        .map(|write| write.key.len() + write.value.as_ref().map_or(0, Vec::len))
        .sum()
}
