//! StartLiveTail: events as they come in, as a stream.

use api_logs::errors::{
    invalid_operation_exception, invalid_parameter_exception, limit_exceeded_exception,
};
use api_logs::operations::StartLiveTail;
use api_logs::types::{LiveTailSessionStart, LogGroupClass, StartLiveTailRequest};
use limits::{LOG_TAIL_GROUPS, LOG_TAIL_STREAMS};
use log_filter::FilterPattern;
use wire::{Access, Caller, Error, EventStream, Handle};

use crate::Logs;
use crate::answer::{pattern_error, store_error};
use crate::group::{Group, arn_of, on_group};
use crate::live_tail::{Streams, Tail};

impl Handle<StartLiveTail> for Logs {
    fn access(&self, caller: &Caller, input: &StartLiveTailRequest) -> Access {
        let mut groups = input.log_group_identifiers.iter().flatten();
        let first = groups.next().map(String::as_str);
        let access = on_group("logs:StartLiveTail", caller, first);
        access.resources(groups.map(|group| arn_of(caller, group)))
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: StartLiveTailRequest,
    ) -> Result<EventStream, Error> {
        let identifiers = input.log_group_identifiers.clone().unwrap_or_default();
        if !(1..=LOG_TAIL_GROUPS).contains(&identifiers.len()) {
            return Err(invalid_parameter_exception(format!(
                "1 validation error detected: Value at 'logGroupIdentifiers' failed to satisfy constraint: Member \
                 must have length between 1 and {LOG_TAIL_GROUPS}"
            )));
        }
        let mut groups = Vec::new();
        for identifier in identifiers {
            let group = Group::identified(caller, None, Some(identifier.clone()))?;
            if self.group_record(&group)?.class() != LogGroupClass::STANDARD {
                return Err(invalid_operation_exception(
                    "Live Tail is not supported for log groups of this log group class.",
                ));
            }
            groups.push((identifier, group.key));
        }
        let streams = streams(&input, groups.len())?;
        let pattern = input.log_event_filter_pattern.clone().unwrap_or_default();
        let pattern = FilterPattern::parse(&pattern).map_err(pattern_error)?;
        let permit = self.tails.clone().try_acquire_owned().map_err(|_| {
            limit_exceeded_exception(
                "The maximum number of concurrent Live Tail sessions is reached.",
            )
        })?;
        let start = LiveTailSessionStart {
            request_id: Some(caller.request_id.clone()),
            session_id: Some(self.clock.uuid()),
            log_group_identifiers: input.log_group_identifiers,
            log_stream_names: input.log_stream_names,
            log_stream_name_prefixes: input.log_stream_name_prefixes,
            log_event_filter_pattern: input.log_event_filter_pattern,
        };
        let tail = Tail {
            store: self.store.clone(),
            clock: self.clock.clone(),
            groups,
            streams,
            pattern,
        };
        tail.begin(start, permit).map_err(store_error)
    }
}

fn streams(input: &StartLiveTailRequest, groups: usize) -> Result<Streams, Error> {
    let names = input.log_stream_names.clone().unwrap_or_default();
    let prefixes = input.log_stream_name_prefixes.clone().unwrap_or_default();
    if names.is_empty() && prefixes.is_empty() {
        return Ok(Streams::All);
    }
    if !names.is_empty() && !prefixes.is_empty() {
        return Err(invalid_parameter_exception(
            "logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.",
        ));
    }
    if groups > 1 {
        return Err(invalid_parameter_exception(
            "logStreamNames and logStreamNamePrefixes can only be given with a single log group.",
        ));
    }
    if names.len().max(prefixes.len()) > LOG_TAIL_STREAMS {
        return Err(invalid_parameter_exception(format!(
            "At most {LOG_TAIL_STREAMS} log streams or prefixes can be given."
        )));
    }
    Ok(if prefixes.is_empty() {
        Streams::Named(names)
    } else {
        Streams::Prefixed(prefixes)
    })
}
