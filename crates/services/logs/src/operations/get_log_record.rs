//! GetLogRecord: the event that a `@ptr` of a query's results means.

use api_logs::errors::{invalid_parameter_exception, resource_not_found_exception};
use api_logs::operations::GetLogRecord;
use api_logs::types::{GetLogRecordRequest, GetLogRecordResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::answer::store_error;
use crate::group::key_prefix;
use crate::tokens::parse_search_token;

impl Handle<GetLogRecord> for Logs {
    fn access(&self, _: &Caller, _: &GetLogRecordRequest) -> Access {
        Access::action("logs:GetLogRecord")
    }

    // coverage: GetLogRecord ignores unmask: nothing is masked
    async fn handle(
        &self,
        caller: &Caller,
        input: GetLogRecordRequest,
    ) -> Result<GetLogRecordResponse, Error> {
        let pointer = input.log_record_pointer.unwrap_or_default();
        let place = parse_search_token(&pointer)
            .map_err(|_| invalid_parameter_exception("The log record pointer is invalid."))?;
        let found = self.store.event(place).await.map_err(store_error)?;
        let own = key_prefix(caller);
        let found = found.and_then(|(key, stream, event)| {
            Some((key.strip_prefix(&own)?.to_owned(), stream, event))
        });
        let Some((group, stream, event)) = found else {
            return Err(resource_not_found_exception(
                "The log record does not exist.",
            ));
        };
        let mut record: std::collections::BTreeMap<String, String> =
            log_insights::discover(&event.message).into_iter().collect();
        record.extend([
            ("@ptr".to_owned(), pointer),
            ("@log".to_owned(), format!("{}:{group}", caller.account)),
            ("@logStream".to_owned(), stream),
            ("@timestamp".to_owned(), event.timestamp.to_string()),
            (
                "@ingestionTime".to_owned(),
                event.ingestion_time.to_string(),
            ),
            ("@message".to_owned(), event.message.to_string()),
        ]);
        Ok(GetLogRecordResponse {
            log_record: Some(record),
        })
    }
}
