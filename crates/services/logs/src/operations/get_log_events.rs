//! GetLogEvents: pages of one stream in both directions. At the end of the stream the token comes back unchanged,
//! which is how clients know.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::GetLogEvents;
use api_logs::types::{GetLogEventsRequest, GetLogEventsResponse, OutputLogEvent};
use limits::{LOG_PAGE_BYTES, LOG_PAGE_EVENTS};
use log_store::{Cursor, Direction, Event, ReadRequest};
use wire::{Access, Caller, Error, Handle};

use super::limit;
use crate::Logs;
use crate::answer::store_error;
use crate::group::{Group, on_stream, stream_name};
use crate::tokens::{parse_read_token, read_token};

impl Handle<GetLogEvents> for Logs {
    fn access(&self, caller: &Caller, input: &GetLogEventsRequest) -> Access {
        let identifier = input.log_group_identifier.as_deref();
        let named = identifier.map(|it| match it.split_once(":log-group:") {
            Some((_, name)) => name.trim_end_matches(":*"),
            None => it,
        });
        let group = input.log_group_name.as_deref().or(named);
        let stream = input.log_stream_name.as_deref();
        on_stream("logs:GetLogEvents", caller, group, stream)
    }

    // coverage: GetLogEvents ignores unmask: nothing is masked
    async fn handle(
        &self,
        caller: &Caller,
        input: GetLogEventsRequest,
    ) -> Result<GetLogEventsResponse, Error> {
        let group = Group::identified(caller, input.log_group_name, input.log_group_identifier)?;
        let stream = stream_name(input.log_stream_name)?;
        let token = input
            .next_token
            .as_deref()
            .map(parse_read_token)
            .transpose()?;
        let direction = match (&token, input.start_from_head) {
            (Some((direction, _)), _) => *direction,
            (None, Some(true)) => Direction::Forward,
            (None, _) => Direction::Backward,
        };
        let start = input.start_time.unwrap_or(i64::MIN);
        let end = input.end_time.unwrap_or(i64::MAX);
        if start > end {
            return Err(invalid_parameter_exception(
                "startTime must be less than or equal to endTime.",
            ));
        }
        let request = ReadRequest {
            start,
            end,
            direction,
            cursor: token.map(|(_, cursor)| cursor),
            max_events: limit(input.limit, LOG_PAGE_EVENTS)?,
            max_bytes: LOG_PAGE_BYTES,
        };
        let events = self.store.read(&group.key, &stream, request).await;
        let events = events.map_err(store_error)?;
        let (backward, forward) = match (events.first(), events.last(), token) {
            (Some(first), Some(last), _) => (first.cursor(), last.cursor()),
            (_, _, Some((Direction::Forward, at))) => (after(at), at),
            (_, _, Some((Direction::Backward, at))) => (at, before(at)),
            (_, _, None) => {
                let start = start.max(1) - 1;
                let at = Cursor {
                    timestamp: start,
                    sequence: u64::MAX,
                };
                (at, at)
            }
        };
        Ok(GetLogEventsResponse {
            events: Some(events.into_iter().map(render).collect()),
            next_forward_token: Some(read_token(Direction::Forward, forward)),
            next_backward_token: Some(read_token(Direction::Backward, backward)),
        })
    }
}

/// Events before this place are those up to `at`.
fn after(at: Cursor) -> Cursor {
    Cursor {
        sequence: at.sequence.saturating_add(1),
        ..at
    }
}

/// Events after this place are those from `at` on.
fn before(at: Cursor) -> Cursor {
    match at.sequence.checked_sub(1) {
        Some(sequence) => Cursor { sequence, ..at },
        None => Cursor {
            timestamp: at.timestamp.saturating_sub(1),
            sequence: u64::MAX,
        },
    }
}

fn render(event: Event) -> OutputLogEvent {
    OutputLogEvent {
        timestamp: Some(event.timestamp),
        message: Some(event.message.to_string()),
        ingestion_time: Some(event.ingestion_time),
    }
}
