//! What nobody needs any more: uploads that stand still, and blobs that no repository holds.

use std::time::Duration;

use limits::{REGISTRY_SWEEP_SECONDS, UPLOAD_IDLE_SECONDS};
use tokio::sync::watch;

use crate::answer::ApiError;
use crate::serve::{Registry, RegistryError};

/// What a sweep took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    pub uploads: usize,
    pub blobs: usize,
}

impl Registry {
    /// Sweeps every hour until `stopping` says so.
    pub async fn sweep_until(self, mut stopping: watch::Receiver<bool>) {
        let clock = self.inner.clock.clone();
        loop {
            tokio::select! {
                () = clock.sleep(Duration::from_secs(REGISTRY_SWEEP_SECONDS)) => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
            match self.sweep().await {
                Ok(swept) => tracing::info!(swept.uploads, swept.blobs, "swept the registry"),
                Err(error) => tracing::warn!(%error, "sweeping the registry"),
            }
        }
    }

    /// Safe at any time: a blob becomes visible and linked under the same lock that a sweep takes for each blob.
    pub async fn sweep(&self) -> Result<Swept, RegistryError> {
        let failed = |error: ApiError| RegistryError::Sweep(error.message);
        let inner = &self.inner;
        let uploads = inner
            .content
            .uploads
            .expire(Duration::from_secs(UPLOAD_IDLE_SECONDS))
            .await
            .map_err(|error| failed(error.into()))?;
        let blobs = inner.content.blobs.clone();
        let digests = self.blocking(move || blobs.list()).await.map_err(failed)?;
        let mut removed = 0;
        for digest in digests {
            let _alone = inner.content.linking.write().await;
            let used = inner.catalog.is_used(&digest).await;
            if !used.map_err(|error| failed(error.into()))? {
                let blobs = inner.content.blobs.clone();
                self.blocking(move || blobs.remove(&digest))
                    .await
                    .map_err(failed)?;
                removed += 1;
            }
        }
        Ok(Swept {
            uploads,
            blobs: removed,
        })
    }
}
