//! What changed, as it changes, for loops.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::record::ChangeSet;

/// Every change set after the feed was taken, in the order of revisions, at head time: they may not be durable yet.
pub struct Feed {
    receiver: broadcast::Receiver<Arc<ChangeSet>>,
}

#[derive(Clone, Debug)]
pub enum FeedEvent {
    Changes(Arc<ChangeSet>),
    /// The reader was too slow and change sets are missing: it must sweep everything.
    Lagged,
}

impl Feed {
    pub(crate) fn new(receiver: broadcast::Receiver<Arc<ChangeSet>>) -> Self {
        Self { receiver }
    }

    /// Waits for the next event; for ever, once the store is gone (a loop ends with its task). Cancel safe.
    pub async fn next(&mut self) -> FeedEvent {
        match self.receiver.recv().await {
            Ok(changes) => FeedEvent::Changes(changes),
            Err(RecvError::Lagged(_)) => FeedEvent::Lagged,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    /// The next event if there is one already: for draining what has gathered.
    pub fn try_next(&mut self) -> Option<FeedEvent> {
        match self.receiver.try_recv() {
            Ok(changes) => Some(FeedEvent::Changes(changes)),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(FeedEvent::Lagged),
            Err(_) => None,
        }
    }
}
