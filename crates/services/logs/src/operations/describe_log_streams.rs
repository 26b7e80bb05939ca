//! DescribeLogStreams.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::DescribeLogStreams;
use api_logs::types::{DescribeLogStreamsRequest, DescribeLogStreamsResponse, LogStream, OrderBy};
use limits::LOG_DESCRIBE_ITEMS;
use log_store::StreamInfo;
use wire::{Access, Caller, Error, Handle};

use super::limit;
use crate::Logs;
use crate::answer::store_error;
use crate::group::{Group, on_group};

/// By time and then name, or by name alone (the time is then 0 for all).
type Key = (i64, String);

impl Handle<DescribeLogStreams> for Logs {
    fn access(&self, caller: &Caller, input: &DescribeLogStreamsRequest) -> Access {
        let name = input.log_group_name.as_deref();
        let group = name.or(input.log_group_identifier.as_deref());
        on_group("logs:DescribeLogStreams", caller, group)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeLogStreamsRequest,
    ) -> Result<DescribeLogStreamsResponse, Error> {
        let group = Group::identified(caller, input.log_group_name, input.log_group_identifier)?;
        let prefix = input.log_stream_name_prefix.unwrap_or_default();
        let is_by_time = input.order_by == Some(OrderBy::LAST_EVENT_TIME);
        if is_by_time && !prefix.is_empty() {
            return Err(invalid_parameter_exception(
                "Cannot order by LastEventTime with a logStreamNamePrefix.",
            ));
        }
        let is_descending = input.descending == Some(true);
        let limit = limit(input.limit, LOG_DESCRIBE_ITEMS)?;
        let after = input.next_token.as_deref().map(parse_key).transpose()?;

        let streams = self.store.streams(&group.key, &prefix);
        let mut streams: Vec<(Key, StreamInfo)> = streams
            .map_err(store_error)?
            .into_iter()
            .map(|stream| (key_of(&stream, is_by_time), stream))
            .filter(|(key, _)| match &after {
                None => true,
                Some(after) if is_descending => key < after,
                Some(after) => key > after,
            })
            .collect();
        streams.sort_by(|(left, _), (right, _)| match is_descending {
            true => right.cmp(left),
            false => left.cmp(right),
        });
        let is_more = streams.len() > limit;
        streams.truncate(limit);
        let last = streams.last().filter(|_| is_more);
        Ok(DescribeLogStreamsResponse {
            next_token: last.map(|((time, name), _)| format!("{time}:{name}")),
            log_streams: Some(
                streams
                    .iter()
                    .map(|(_, stream)| render(&group, stream))
                    .collect(),
            ),
        })
    }
}

/// Streams without events come before all others.
fn key_of(stream: &StreamInfo, is_by_time: bool) -> Key {
    let time = match is_by_time {
        true => stream.last_event_at.unwrap_or(-1),
        false => 0,
    };
    (time, stream.name.clone())
}

fn parse_key(token: &str) -> Result<Key, Error> {
    token
        .split_once(':')
        .and_then(|(time, name)| Some((time.parse().ok()?, name.to_owned())))
        .ok_or_else(|| invalid_parameter_exception("The specified nextToken is invalid."))
}

fn render(group: &Group, stream: &StreamInfo) -> LogStream {
    LogStream {
        arn: Some(group.scope.log_stream(&group.name, &stream.name)),
        log_stream_name: Some(stream.name.clone()),
        creation_time: Some(stream.created_at),
        first_event_timestamp: stream.first_event_at,
        last_event_timestamp: stream.last_event_at,
        last_ingestion_time: stream.last_ingestion_at,
        upload_sequence_token: stream.last_ingestion_at.map(crate::tokens::sequence_token),
        // AWS stopped counting bytes of streams in 2019 and answers 0.
        stored_bytes: Some(0),
    }
}
