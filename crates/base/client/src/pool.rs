//! Idle keep-alive connections to one endpoint.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clock::Clock;
use hyper::client::conn::http1::SendRequest;
use limits::{CLIENT_IDLE_CONNECTIONS, CLIENT_IDLE_SECONDS};

use crate::RequestBody;

pub(crate) type Sender = SendRequest<RequestBody>;

#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    sender: Sender,
    since: Duration,
}

impl Pool {
    /// The connection used last, for it is the likeliest to stand.
    pub(crate) async fn take(&self, clock: &Clock) -> Option<Sender> {
        loop {
            let Idle { mut sender, since } = self.lock().pop()?;
            let idle_for = clock.monotonic().saturating_sub(since);
            let is_fresh = idle_for < Duration::from_secs(CLIENT_IDLE_SECONDS);
            if is_fresh && !sender.is_closed() && sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    pub(crate) fn put(&self, sender: Sender, clock: &Clock) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.lock();
        if idle.len() < CLIENT_IDLE_CONNECTIONS {
            idle.push(Idle {
                sender,
                since: clock.monotonic(),
            });
        }
    }

    /// Connections are put in and taken out whole, so a poisoned lock guards a sound list.
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
