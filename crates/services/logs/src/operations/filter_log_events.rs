//! FilterLogEvents: what `aws logs tail` reads.

use std::sync::Arc;

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::FilterLogEvents;
use api_logs::types::{FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent};
use limits::{LOG_FILTER_STREAMS, LOG_PAGE_BYTES, LOG_PAGE_EVENTS};
use log_filter::FilterPattern;
use log_store::{Event, Matcher, SearchCursor, SearchRequest, StreamSelection};
use wire::{Access, Caller, Error, Handle};

use super::limit;
use crate::Logs;
use crate::answer::{pattern_error, store_error, unsupported};
use crate::group::{Group, on_group};
use crate::tokens::{event_id, parse_search_token, search_token};

impl Handle<FilterLogEvents> for Logs {
    fn access(&self, caller: &Caller, input: &FilterLogEventsRequest) -> Access {
        let name = input.log_group_name.as_deref();
        let group = name.or(input.log_group_identifier.as_deref());
        on_group("logs:FilterLogEvents", caller, group)
    }

    // coverage: FilterLogEvents ignores interleaved: AWS always interleaves
    // coverage: FilterLogEvents ignores unmask: nothing is masked
    // coverage: FilterLogEvents refuses startFromHead: only true is taken, events come from the earliest on
    async fn handle(
        &self,
        caller: &Caller,
        input: FilterLogEventsRequest,
    ) -> Result<FilterLogEventsResponse, Error> {
        if input.start_from_head == Some(false) {
            return Err(unsupported(
                "searching from the latest events (startFromHead = false)",
            ));
        }
        let group = Group::identified(caller, input.log_group_name, input.log_group_identifier)?;
        let pattern = input.filter_pattern.unwrap_or_default();
        let pattern = FilterPattern::parse(&pattern).map_err(pattern_error)?;
        let (start, end) = (input.start_time, input.end_time);
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            return Err(invalid_parameter_exception(
                "startTime must be less than or equal to endTime.",
            ));
        }
        let after = input
            .next_token
            .as_deref()
            .map(parse_search_token)
            .transpose()?;
        let request = SearchRequest {
            streams: selection(input.log_stream_names, input.log_stream_name_prefix)?,
            start: start.unwrap_or(i64::MIN),
            // Here, unlike in GetLogEvents, the end is inclusive.
            end: end.map_or(i64::MAX, |end| end.saturating_add(1)),
            after,
            max_events: limit(input.limit, LOG_PAGE_EVENTS)?,
            max_bytes: LOG_PAGE_BYTES,
        };
        let page = self
            .store
            .search(&group.key, request, ByPattern(pattern))
            .await
            .map_err(store_error)?;
        let events = page.events.into_iter();
        Ok(FilterLogEventsResponse {
            events: Some(
                events
                    .map(|(stream, place, event)| render(&stream, place, event))
                    .collect(),
            ),
            next_token: page.next.map(search_token),
            // AWS has left this empty since 2020.
            searched_log_streams: Some(Vec::new()),
        })
    }
}

/// How the store looks for a pattern.
struct ByPattern(FilterPattern);

impl Matcher for ByPattern {
    fn matches(&self, message: &str) -> bool {
        self.0.matches(message)
    }

    fn needle(&self) -> Option<&str> {
        self.0.needle()
    }
}

fn selection(names: Option<Vec<String>>, prefix: Option<String>) -> Result<StreamSelection, Error> {
    let names = names.filter(|names| !names.is_empty());
    let prefix = prefix.filter(|prefix| !prefix.is_empty());
    match (names, prefix) {
        (Some(_), Some(_)) => Err(invalid_parameter_exception(
            "logStreamNames and logStreamNamePrefix are mutually exclusive parameters.",
        )),
        (Some(names), None) if names.len() > LOG_FILTER_STREAMS => {
            Err(invalid_parameter_exception(format!(
                "1 validation error detected: Value at 'logStreamNames' failed to satisfy constraint: Member must \
                 have length less than or equal to {LOG_FILTER_STREAMS}"
            )))
        }
        (Some(mut names), None) => {
            names.sort();
            names.dedup();
            Ok(StreamSelection::Named(names))
        }
        (None, Some(prefix)) => Ok(StreamSelection::Prefix(prefix)),
        (None, None) => Ok(StreamSelection::All),
    }
}

fn render(stream: &Arc<str>, place: SearchCursor, event: Event) -> FilteredLogEvent {
    FilteredLogEvent {
        event_id: Some(event_id(place)),
        log_stream_name: Some(stream.to_string()),
        timestamp: Some(event.timestamp),
        message: Some(event.message.to_string()),
        ingestion_time: Some(event.ingestion_time),
    }
}
