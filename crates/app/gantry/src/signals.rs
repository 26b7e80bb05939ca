//! The signals that end a server or a node.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Resolves at SIGTERM, SIGINT or SIGHUP.
pub async fn terminated() {
    let mut waiting = Vec::new();
    for kind in [
        SignalKind::terminate(),
        SignalKind::interrupt(),
        SignalKind::hangup(),
    ] {
        match signal(kind) {
            Ok(mut stream) => waiting.push(Box::pin(async move {
                stream.recv().await;
            })),
            Err(error) => tracing::warn!(%error, "a signal cannot be waited for"),
        }
    }
    futures_util::future::select_all(waiting).await;
}

/// Resolves when the part of the process that holds `stopping`'s sender is to end.
pub async fn stopped(mut stopping: watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        // The sender is gone without a word: its owner ends the process itself.
        std::future::pending::<()>().await;
    }
}
