//! Ships a container's output to CloudWatch Logs: what the `awslogs` driver of Docker does, by the agent.
//!
//! The runtime keeps the log on disk until the container is removed, and how far it was shipped is in the agent's
//! state; so a dead agent or server loses no line. A kill within a second of shipping may repeat the last lines.

pub mod multiline;

use std::sync::Arc;
use std::time::Duration;

use api_logs::types::InputLogEvent;
use clock::UnixMillis;
use runtime::{LogCursor, LogReader, LogStream, RuntimeError};
use state::StateError;

use crate::backoff::Backoff;
use crate::engine::settings::AwsLogsOptions;
use crate::node::Node;
use crate::records::LogCursorRecord;
use multiline::Joiner;

/// Lines that come within this time go together: short enough to follow a log live.
const GATHER: Duration = Duration::from_millis(50);
/// CloudWatch Logs takes 10,000 events and 1 MiB in one call, and counts 26 bytes more for each event; a quarter of the
/// bytes keeps a thousand busy containers within bounds.
const BATCH_EVENTS: usize = 10_000;
const BATCH_BYTES: usize = 256 * 1024;
const EVENT_OVERHEAD_BYTES: usize = 26;
/// How often the place in the log is written down while lines come.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Ships until the log is complete and at the server.
pub async fn ship(node: Arc<Node>, container_id: String, options: AwsLogsOptions) {
    let stored = node
        .store
        .read(|head| head.get::<LogCursorRecord>(&container_id))
        .head();
    let from = stored.map_or(LogCursor::START, |record| record.cursor);
    let reader = match node.runtime.log_reader(&container_id, from) {
        Ok(reader) => reader,
        Err(error) => {
            return tracing::warn!(%error, container_id, "the container's log cannot be read");
        }
    };
    let stream = options
        .stream
        .clone()
        .unwrap_or_else(|| container_id.clone());
    let begins = options.event_begins.as_deref().map(multiline::compile);
    let joiner = match begins.transpose() {
        Ok(begins) => begins.map(Joiner::new),
        Err(error) => {
            return tracing::warn!(%error, container_id, "the pattern of the log's events is not valid");
        }
    };
    let mut shipper = Shipper {
        node,
        container_id,
        group: options.group,
        stream,
        reader,
        saved: None,
        joiner,
    };
    if let Err(error) = shipper.run().await {
        tracing::warn!(%error, container_id = shipper.container_id, "shipping the container's log ended early");
    }
}

#[derive(Debug, thiserror::Error)]
enum ShipError {
    #[error("{0}")]
    Log(#[from] RuntimeError),
    #[error("{0}")]
    State(#[from] StateError),
}

struct Shipper {
    node: Arc<Node>,
    container_id: String,
    group: String,
    stream: String,
    reader: Box<dyn LogReader>,
    /// When the cursor was last written down.
    saved: Option<Duration>,
    /// Where an event may have many lines.
    joiner: Option<Joiner>,
}

/// Lines that go in one call.
#[derive(Default)]
struct Batch {
    events: Vec<InputLogEvent>,
    bytes: usize,
    /// The beginnings of lines whose ends are still to come.
    partial: [Option<(UnixMillis, String)>; 2],
    cursor: LogCursor,
}

impl Shipper {
    async fn run(&mut self) -> Result<(), ShipError> {
        let mut unsaved: Option<LogCursor> = None;
        let mut ended = false;
        while !ended {
            let mut batch = Batch::default();
            ended = self.gather(&mut batch, &mut unsaved).await?;
            if !batch.events.is_empty() {
                batch.events.sort_by_key(|event| event.timestamp);
                self.put(batch.events).await;
            }
            if batch.cursor > LogCursor::START {
                unsaved = Some(batch.cursor);
            }
            let now = self.node.clock.monotonic();
            if ended
                || self
                    .saved
                    .is_none_or(|saved| now.saturating_sub(saved) >= SAVE_EVERY)
            {
                self.save(&mut unsaved)?;
            }
        }
        Ok(())
    }

    /// Waits for a first line, then takes what comes right after it. True: the log is complete.
    async fn gather(
        &mut self,
        batch: &mut Batch,
        unsaved: &mut Option<LogCursor>,
    ) -> Result<bool, ShipError> {
        let clock = self.node.clock.clone();
        let mut deadline: Option<Duration> = None;
        loop {
            let next = match deadline {
                // Half a line is waited for as long as it takes; a cursor not yet written down is, when it is quiet,
                // and so is an event whose next line does not come.
                None if unsaved.is_some() || self.has_half_an_event() => {
                    match clock.timeout(SAVE_EVERY, self.reader.next()).await {
                        Ok(next) => next?,
                        Err(_) => {
                            self.save(unsaved)?;
                            let old = self.joiner.as_mut();
                            let old = old.and_then(|it| it.flush_old(clock.monotonic()));
                            if let Some(event) = old {
                                batch.push_joined(event);
                                return Ok(false);
                            }
                            continue;
                        }
                    }
                }
                None => self.reader.next().await?,
                Some(deadline) => {
                    let left = deadline.saturating_sub(clock.monotonic());
                    match clock.timeout(left, self.reader.next()).await {
                        Ok(next) => next?,
                        Err(_) if batch.partial.iter().all(Option::is_none) => return Ok(false),
                        Err(_) => self.reader.next().await?,
                    }
                }
            };
            let Some((line, cursor)) = next else {
                batch.flush_partial(self.joiner.as_mut());
                if let Some(event) = self.joiner.as_mut().and_then(Joiner::flush) {
                    batch.push_joined(event);
                }
                return Ok(true);
            };
            let now = clock.monotonic();
            batch.add(line, cursor, self.joiner.as_mut(), now);
            deadline.get_or_insert(clock.monotonic() + GATHER);
            if batch.is_full() {
                batch.flush_partial(self.joiner.as_mut());
                return Ok(false);
            }
        }
    }

    fn has_half_an_event(&self) -> bool {
        self.joiner.as_ref().is_some_and(Joiner::is_waiting)
    }

    /// Tries until the server has the lines or refuses them for good.
    async fn put(&mut self, events: Vec<InputLogEvent>) {
        let api = &self.node.api;
        let mut backoff = Backoff::submit();
        loop {
            let error = match api
                .put_log_events(&self.group, &self.stream, events.clone())
                .await
            {
                Ok(()) => return,
                Err(error) => error,
            };
            let outcome = match error.code() {
                Some("ResourceNotFoundException") => {
                    api.create_log_stream(&self.group, &self.stream).await
                }
                _ => Err(error),
            };
            match outcome {
                Ok(()) => {}
                Err(error) if error.is_transient() || is_about_identity(&error) => {
                    let wait = backoff.next_wait(&self.node.clock);
                    tracing::debug!(%error, container_id = self.container_id, "log lines wait {wait:?}");
                    self.node.clock.sleep(wait).await;
                }
                Err(error) => {
                    let lines = events.len();
                    tracing::warn!(%error, container_id = self.container_id, lines, "log lines were refused");
                    return;
                }
            }
        }
    }

    fn save(&mut self, unsaved: &mut Option<LogCursor>) -> Result<(), StateError> {
        let Some(cursor) = unsaved.take() else {
            return Ok(());
        };
        self.saved = Some(self.node.clock.monotonic());
        let record = LogCursorRecord {
            container_id: self.container_id.clone(),
            cursor,
        };
        let saved = self.node.store.transact(|tx| {
            tx.put(record);
            Ok::<_, StateError>(())
        });
        saved.map(|committed| committed.head())
    }
}

/// The node may be joining again just now.
fn is_about_identity(error: &client::Error) -> bool {
    matches!(
        error.code(),
        Some("UnrecognizedClientException" | "InvalidSignatureException")
    )
}

impl Batch {
    fn add(
        &mut self,
        line: runtime::LogLine,
        cursor: LogCursor,
        joiner: Option<&mut Joiner>,
        now: Duration,
    ) {
        let slot = match line.stream {
            LogStream::Stdout => 0,
            LogStream::Stderr => 1,
        };
        self.bytes += line.text.len();
        let (at, text) = match self.partial[slot].take() {
            Some((at, start)) => (at, start + &line.text),
            None => (line.at, line.text),
        };
        if line.partial {
            self.partial[slot] = Some((at, text));
            return;
        }
        // Behind half a line there is no place to go on from.
        let is_place = self.partial.iter().all(Option::is_none);
        match joiner {
            Some(joiner) => {
                let behind = if is_place { cursor } else { self.cursor };
                if let Some(event) = joiner.take(at, &text, behind, now) {
                    self.push_joined(event);
                }
            }
            None => {
                self.push(at, text);
                if is_place {
                    self.cursor = cursor;
                }
            }
        }
    }

    fn push_joined(&mut self, (at, text, behind): multiline::Joined) {
        self.push(at, text);
        self.cursor = self.cursor.max(behind);
    }

    fn push(&mut self, at: UnixMillis, text: String) {
        // An event needs a character; Docker's driver leaves empty lines out too.
        if !text.is_empty() {
            self.bytes += EVENT_OVERHEAD_BYTES;
            self.events.push(InputLogEvent {
                timestamp: Some(at.as_millis()),
                message: Some(text),
            });
        }
    }

    /// Sends half lines as they are: their other halves become lines of their own.
    fn flush_partial(&mut self, mut joiner: Option<&mut Joiner>) {
        for slot in 0..self.partial.len() {
            let Some((at, text)) = self.partial[slot].take() else {
                continue;
            };
            match &mut joiner {
                Some(joiner) => {
                    let ended = joiner.take(at, &text, self.cursor, Duration::ZERO);
                    if let Some(event) = ended {
                        self.push_joined(event);
                    }
                }
                None => self.push(at, text),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: i64, text: &str, stream: LogStream, partial: bool) -> runtime::LogLine {
        runtime::LogLine {
            at: UnixMillis(at),
            stream,
            text: text.to_owned(),
            partial,
        }
    }

    #[test]
    fn halves_of_a_line_become_one_event_and_the_cursor_waits_for_the_end() {
        let mut batch = Batch::default();
        let place = |offset| LogCursor { file: 0, offset };
        batch.add(
            line(1, "a", LogStream::Stdout, true),
            place(10),
            None,
            Duration::ZERO,
        );
        batch.add(
            line(2, "other", LogStream::Stderr, false),
            place(20),
            None,
            Duration::ZERO,
        );
        assert_eq!(batch.cursor, LogCursor::START);
        batch.add(
            line(3, "b", LogStream::Stdout, false),
            place(30),
            None,
            Duration::ZERO,
        );
        batch.add(
            line(4, "", LogStream::Stdout, false),
            place(40),
            None,
            Duration::ZERO,
        );
        let texts: Vec<_> = batch
            .events
            .iter()
            .map(|event| event.message.as_deref().unwrap())
            .collect();
        assert_eq!((texts, batch.cursor), (vec!["other", "ab"], place(40)));
        assert_eq!(batch.events[1].timestamp, Some(1));
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut batch = Batch::default();
        batch.add(
            line(1, &"x".repeat(BATCH_BYTES), LogStream::Stdout, true),
            LogCursor { file: 0, offset: 9 },
            None,
            Duration::ZERO,
        );
        assert!(batch.is_full());
        batch.flush_partial(None);
        assert_eq!(batch.events.len(), 1);
    }
}
