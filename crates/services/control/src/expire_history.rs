//! Lets go of history that is older than the operator wants to keep.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::Control;

const LOOK_EVERY: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const KINDS: [&str; 3] = [history::TASKS, history::EVENTS, history::DEPLOYMENTS];

pub(crate) async fn run(control: Arc<Control>, mut shutdown: watch::Receiver<bool>) {
    loop {
        expire(&control).await;
        tokio::select! {
            () = control.clock.sleep(LOOK_EVERY) => {}
            _ = shutdown.wait_for(|stopping| *stopping) => return,
        }
    }
}

pub(crate) async fn expire(control: &Control) {
    let oldest = control.clock.now() - DAY * control.settings.history_days;
    for kind in KINDS {
        match control.history.expire(kind, oldest).await {
            Ok(0) => {}
            Ok(entries) => tracing::info!(kind, entries, "old history was let go"),
            Err(error) => tracing::warn!(kind, %error, "old history could not be let go"),
        }
    }
}
