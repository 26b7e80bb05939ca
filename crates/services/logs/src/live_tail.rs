//! One live tail: what comes in after its beginning, in updates of a bounded size.

use std::task::{Context, Poll};
use std::time::Duration;

use api_logs::types::{
    LiveTailSessionLogEvent, LiveTailSessionMetadata, LiveTailSessionStart, LiveTailSessionUpdate,
    SessionTimeoutException,
};
use clock::Clock;
use limits::{LOG_TAIL_EVENTS_A_SECOND, LOG_TAIL_HOURS};
use log_filter::FilterPattern;
use log_store::{Arrivals, LogStore, LogStoreError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use wire::{EventSource, EventStream, event_stream};

/// Events that come within this time go together.
const GATHER: Duration = Duration::from_millis(100);
/// An update comes at least so often, empty if need be: what clients wait for.
const UPDATE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(crate) enum Streams {
    All,
    Named(Vec<String>),
    Prefixed(Vec<String>),
}

impl Streams {
    fn has(&self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == stream),
            Self::Prefixed(prefixes) => prefixes.iter().any(|prefix| stream.starts_with(prefix)),
        }
    }
}

pub(crate) struct Tail {
    pub store: LogStore,
    pub clock: Clock,
    /// Identifiers as the client gave them, and what the store calls the groups.
    pub groups: Vec<(String, String)>,
    pub streams: Streams,
    pub pattern: FilterPattern,
}

struct Messages(mpsc::Receiver<Vec<u8>>);

impl EventSource for Messages {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        self.0.poll_recv(context)
    }
}

impl Tail {
    /// The stream; what is there already is not in it.
    pub fn begin(
        self,
        start: LiveTailSessionStart,
        permit: OwnedSemaphorePermit,
    ) -> Result<EventStream, LogStoreError> {
        let mut places = Vec::new();
        for (_, key) in &self.groups {
            places.push(self.store.arrivals_from_now(key)?);
        }
        // A client that does not read is waited for, and gets a sample of what came meanwhile.
        let (sender, receiver) = mpsc::channel(4);
        let clock = self.clock.clone();
        clock.spawn("live tail", async move {
            let _permit = permit;
            self.run(start, places, &sender).await;
        });
        Ok(EventStream::new(Messages(receiver)))
    }

    async fn run(
        &self,
        start: LiveTailSessionStart,
        mut places: Vec<Arrivals>,
        sender: &mpsc::Sender<Vec<u8>>,
    ) {
        let hello = [
            event_stream::initial_response(),
            event_stream::event("sessionStart", &start),
        ];
        for message in hello {
            if sender.send(message).await.is_err() {
                return;
            }
        }
        let mut changes = self.store.changes();
        let ends_at = self.clock.monotonic() + Duration::from_secs(LOG_TAIL_HOURS * 3600);
        let mut second = Second::default();
        loop {
            let update = match self.update(&mut places, &mut second).await {
                Ok(update) => update,
                Err(error) => return tracing::info!(%error, "a live tail ended"),
            };
            let message = event_stream::event("sessionUpdate", &update);
            if sender.send(message).await.is_err() {
                return;
            }
            if self.clock.monotonic() >= ends_at {
                let timeout = SessionTimeoutException {
                    message: Some("The Live Tail session has timed out.".to_owned()),
                };
                let message = event_stream::exception("SessionTimeoutException", &timeout);
                let _ = sender.send(message).await;
                return;
            }
            tokio::select! {
                biased;
                () = sender.closed() => return,
                _ = self.clock.timeout(UPDATE_EVERY, changes.changed()) => {}
            }
            self.clock.sleep(GATHER).await;
        }
    }

    async fn update(
        &self,
        places: &mut [Arrivals],
        second: &mut Second,
    ) -> Result<LiveTailSessionUpdate, LogStoreError> {
        second.begin(self.clock.monotonic());
        let mut results = Vec::new();
        let mut is_sampled = false;
        for ((identifier, key), place) in self.groups.iter().zip(places) {
            for (stream, event) in self.store.arrivals(key, place).await? {
                if !self.streams.has(&stream) || !self.pattern.matches(&event.message) {
                    continue;
                }
                if !second.has_room() {
                    is_sampled = true;
                    continue;
                }
                results.push(LiveTailSessionLogEvent {
                    log_stream_name: Some(stream.to_string()),
                    log_group_identifier: Some(identifier.clone()),
                    message: Some(event.message.to_string()),
                    timestamp: Some(event.timestamp),
                    ingestion_time: Some(event.ingestion_time),
                });
            }
        }
        results.sort_by_key(|event| event.timestamp);
        Ok(LiveTailSessionUpdate {
            session_metadata: Some(LiveTailSessionMetadata {
                sampled: Some(is_sampled),
            }),
            session_results: Some(results),
        })
    }
}

/// Events shown in this second.
#[derive(Default)]
struct Second {
    began: Duration,
    shown: usize,
}

impl Second {
    fn begin(&mut self, now: Duration) {
        if now.saturating_sub(self.began) >= UPDATE_EVERY {
            *self = Self {
                began: now,
                shown: 0,
            };
        }
    }

    fn has_room(&mut self) -> bool {
        self.shown += 1;
        self.shown <= LOG_TAIL_EVENTS_A_SECOND
    }
}
