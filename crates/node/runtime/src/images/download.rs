//! One layer's bytes, across interruptions: a connection that breaks is made again, and goes on where it broke.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::registry::{Descriptor, Repository};
use crate::error::PullError;
use crate::image::{PullProgress, PullProgressSink};

/// In a row without a byte in between.
const MAX_FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What a download goes to.
pub(super) struct Download<'a> {
    pub repository: &'a Repository,
    pub descriptor: &'a Descriptor,
    pub clock: &'a Clock,
    pub chunks: mpsc::Sender<io::Result<Bytes>>,
    pub progress: &'a PullProgressSink,
}

impl Download<'_> {
    /// Ends early without an error when nobody takes the bytes: who took them failed, and says why.
    pub(super) async fn run(self) -> Result<(), PullError> {
        let mut received_bytes = 0;
        let mut failures = 0;
        loop {
            let before = received_bytes;
            let Err(error) = self.receive(&mut received_bytes).await else {
                return Ok(());
            };
            if received_bytes > before {
                failures = 0;
            }
            failures += 1;
            if !matches!(error, PullError::Unreachable { .. }) || failures > MAX_FAILURES {
                // A clean end would look like a short layer.
                let _ = self
                    .chunks
                    .send(Err(io::ErrorKind::ConnectionAborted.into()))
                    .await;
                return Err(error);
            }
            let digest = &self.descriptor.digest;
            tracing::info!(%error, digest, received_bytes, "the download goes on after a pause");
            self.clock.sleep(FIRST_PAUSE * (1 << (failures - 1))).await;
        }
    }

    async fn receive(&self, received_bytes: &mut u64) -> Result<(), PullError> {
        let total_bytes = self.descriptor.size;
        let (mut stream, mut known_bytes) = self
            .repository
            .blob_from(self.descriptor, *received_bytes)
            .await?;
        while let Some(chunk) = stream.next().await {
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                // All bytes are here; what is wrong with them the digest tells.
                Err(_) if *received_bytes >= total_bytes => break,
                Err(error) => return Err(self.repository.interrupted(&error)),
            };
            let known = usize::try_from(known_bytes)
                .unwrap_or(usize::MAX)
                .min(chunk.len());
            known_bytes -= chunk.split_to(known).len() as u64;
            if chunk.is_empty() {
                continue;
            }
            *received_bytes += chunk.len() as u64;
            if *received_bytes > total_bytes {
                return Err(PullError::DigestMismatch {
                    what: format!("size of {}", self.descriptor.digest),
                    expected: total_bytes.to_string(),
                    actual: "more".to_owned(),
                });
            }
            (self.progress)(PullProgress::Layer {
                digest: self.descriptor.digest.clone(),
                received_bytes: *received_bytes,
                total_bytes,
            });
            if self.chunks.send(Ok(chunk)).await.is_err() {
                return Ok(());
            }
        }
        if *received_bytes < total_bytes {
            let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "the layer was cut off");
            return Err(self.repository.interrupted(&cut));
        }
        Ok(())
    }
}
