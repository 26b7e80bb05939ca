//! What changed, as it changes, for loops.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::record::ChangeSet;

/// Every change set after the feed was taken, in the order of revisions, at head time: they may not be durable yet.
pub struct Feed {
    receiver: broadcast::Receiver<Option<Arc<ChangeSet>>>,
}

#[derive(Clone, Debug)]
pub enum FeedEvent {
    Changes(Arc<ChangeSet>),
    /// The reader was too slow and change sets are missing, or change sets that it has seen were taken back because
    /// the disk is full: it must sweep everything.
    Lagged,
}

impl Feed {
    pub(crate) fn new(receiver: broadcast::Receiver<Option<Arc<ChangeSet>>>) -> Self {
        Self { receiver }
    }

    /// Waits for the next event; for ever, once the store is gone (a loop ends with its task). Cancel safe.
    pub async fn next(&mut self) -> FeedEvent {
        match self.receiver.recv().await {
            Ok(Some(changes)) => FeedEvent::Changes(changes),
            Ok(None) | Err(RecvError::Lagged(_)) => FeedEvent::Lagged,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }

    /// The next event if there is one already: for draining what has gathered.
    pub fn try_next(&mut self) -> Option<FeedEvent> {
        match self.receiver.try_recv() {
            Ok(Some(changes)) => Some(FeedEvent::Changes(changes)),
            Ok(None) | Err(TryRecvError::Lagged(_)) => Some(FeedEvent::Lagged),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}
