//! TestMetricFilter.

use api_logs::operations::TestMetricFilter;
use api_logs::types::{MetricFilterMatchRecord, TestMetricFilterRequest, TestMetricFilterResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::answer::pattern_error;

impl Handle<TestMetricFilter> for Logs {
    fn access(&self, _: &Caller, _: &TestMetricFilterRequest) -> Access {
        Access::action("logs:TestMetricFilter")
    }

    async fn handle(
        &self,
        _: &Caller,
        input: TestMetricFilterRequest,
    ) -> Result<TestMetricFilterResponse, Error> {
        let pattern = input.filter_pattern.unwrap_or_default();
        let pattern = log_filter::FilterPattern::parse(&pattern).map_err(pattern_error)?;
        let messages = input.log_event_messages.unwrap_or_default().into_iter();
        let matches = (1..).zip(messages).filter_map(|(number, message)| {
            let values = pattern.extract(&message)?;
            Some(MetricFilterMatchRecord {
                event_number: Some(number),
                event_message: Some(message),
                extracted_values: Some(values),
            })
        });
        Ok(TestMetricFilterResponse {
            matches: Some(matches.collect()),
        })
    }
}
