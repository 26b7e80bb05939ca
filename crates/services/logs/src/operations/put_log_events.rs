//! PutLogEvents: durable when answered.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::PutLogEvents;
use api_logs::types::{PutLogEventsRequest, PutLogEventsResponse};
use limits::LOG_EVENTS_PER_PUT;
use log_store::LogStoreError;
use wire::{Access, Caller, Error, Handle};

use crate::answer::{store_error, unsupported};
use crate::group::{Group, on_stream, stream_name};
use crate::{Logs, events, tokens};

impl Handle<PutLogEvents> for Logs {
    fn access(&self, caller: &Caller, input: &PutLogEventsRequest) -> Access {
        let group = input.log_group_name.as_deref();
        let stream = input.log_stream_name.as_deref();
        on_stream("logs:PutLogEvents", caller, group, stream)
    }

    // coverage: PutLogEvents ignores sequenceToken: AWS takes any token and looks at none
    // coverage: PutLogEvents refuses entity: events are not related to entities yet
    async fn handle(
        &self,
        caller: &Caller,
        input: PutLogEventsRequest,
    ) -> Result<PutLogEventsResponse, Error> {
        if input.entity.is_some() {
            return Err(unsupported("entities of log events (entity)"));
        }
        let group = Group::named(caller, input.log_group_name)?;
        let stream = stream_name(input.log_stream_name)?;
        let batch = input.log_events.unwrap_or_default();
        if !(1..=LOG_EVENTS_PER_PUT).contains(&batch.len()) {
            return Err(invalid_parameter_exception(format!(
                "1 validation error detected: Value at 'logEvents' failed to satisfy constraint: Member must have \
                 length between 1 and {LOG_EVENTS_PER_PUT}"
            )));
        }
        let now = self.clock.now().as_millis();
        let accepted = events::accept(batch, now)
            .map_err(|error| invalid_parameter_exception(error.to_string()))?;
        if accepted.events.is_empty() {
            let streams = self.store.streams(&group.key, &stream);
            let streams = streams.map_err(store_error)?;
            if streams.iter().all(|known| known.name != stream) {
                return Err(store_error(LogStoreError::StreamNotFound));
            }
        } else {
            let appended = self
                .store
                .append(&group.key, &stream, accepted.events)
                .await;
            appended.map_err(store_error)?;
        }
        Ok(PutLogEventsResponse {
            next_sequence_token: Some(tokens::sequence_token(now)),
            rejected_log_events_info: accepted.rejected,
            rejected_entity_info: None,
        })
    }
}
