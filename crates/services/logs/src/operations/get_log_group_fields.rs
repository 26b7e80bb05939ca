//! GetLogGroupFields: the fields of the events around a time, and how many of the events have them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use api_logs::operations::GetLogGroupFields;
use api_logs::types::{GetLogGroupFieldsRequest, GetLogGroupFieldsResponse, LogGroupField};
use limits::LOG_FIELDS_EVENTS;
use log_store::{ScanRequest, Scanned};
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::answer::store_error;
use crate::group::{Group, on_group};

const MINUTE_MILLIS: i64 = 60_000;
/// Every event has them.
const SYSTEM: [&str; 5] = [
    "@ingestionTime",
    "@log",
    "@logStream",
    "@message",
    "@timestamp",
];

/// Counts of fields by name, and of events.
type Counts = (BTreeMap<String, u64>, u64);

impl Handle<GetLogGroupFields> for Logs {
    fn access(&self, caller: &Caller, input: &GetLogGroupFieldsRequest) -> Access {
        let name = input.log_group_name.as_deref();
        let group = name.or(input.log_group_identifier.as_deref());
        on_group("logs:GetLogGroupFields", caller, group)
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetLogGroupFieldsRequest,
    ) -> Result<GetLogGroupFieldsResponse, Error> {
        let group = Group::identified(caller, input.log_group_name, input.log_group_identifier)?;
        let now = self.clock.now().as_millis();
        // Eight minutes to both sides of a time, the last fifteen without one.
        let (start, end) = match input.time.map(|time| time.saturating_mul(1000)) {
            Some(time) => (
                time.saturating_sub(8 * MINUTE_MILLIS),
                time.saturating_add(8 * MINUTE_MILLIS),
            ),
            None => (now - 15 * MINUTE_MILLIS, i64::MAX),
        };
        let request = ScanRequest {
            start,
            end,
            needle: None,
        };
        let counted = self
            .store
            .scan(&group.key, request, Counts::default(), count)
            .await;
        let (_, (mut counts, events)) = counted.map_err(store_error)?;
        if events > 0 {
            counts.extend(SYSTEM.map(|name| (name.to_owned(), events)));
        }
        let fields = counts.into_iter().map(|(name, count)| LogGroupField {
            name: Some(name),
            percent: i32::try_from(count * 100 / events.max(1)).ok(),
        });
        Ok(GetLogGroupFieldsResponse {
            log_group_fields: Some(fields.collect()),
        })
    }
}

fn count((counts, events): &mut Counts, event: Scanned<'_>) -> ControlFlow<()> {
    *events += 1;
    for (name, _) in log_insights::discover(event.message) {
        *counts.entry(name).or_default() += 1;
    }
    match *events < LOG_FIELDS_EVENTS {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    }
}
