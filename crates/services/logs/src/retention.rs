//! Removes what is older than its group keeps.

use std::sync::Arc;
use std::time::Duration;

use limits::LOG_EXPIRE_EVERY_SECONDS;
use tokio::sync::watch;

use crate::Logs;

impl Logs {
    /// Does so until told to stop.
    pub async fn keep_retention(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        while !*stopping.borrow_and_update() {
            match self.store.expire().await {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "removed log events that were too old"),
                Err(error) => {
                    tracing::warn!(%error, "log events that are too old could not be removed")
                }
            }
            let pause = Duration::from_secs(LOG_EXPIRE_EVERY_SECONDS);
            if let Ok(Err(_)) = self.clock.timeout(pause, stopping.changed()).await {
                return;
            }
        }
    }
}
