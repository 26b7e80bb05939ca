//! How a server that stops tells its connections.

use tokio::sync::watch;

/// Resolves when the server begins to stop.
#[derive(Debug, Clone)]
pub struct ShutdownSignal(watch::Receiver<bool>);

impl ShutdownSignal {
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    pub async fn requested(&mut self) {
        // An error means that the gateway itself is gone, which is a stop too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
