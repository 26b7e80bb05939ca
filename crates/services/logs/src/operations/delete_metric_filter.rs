//! DeleteMetricFilter.

use api_logs::errors::resource_not_found_exception;
use api_logs::operations::DeleteMetricFilter;
use api_logs::types::DeleteMetricFilterRequest;
use wire::{Access, Caller, Error, Handle, Unit};

use crate::Logs;
use crate::group::{Group, on_group};

impl Handle<DeleteMetricFilter> for Logs {
    fn access(&self, caller: &Caller, input: &DeleteMetricFilterRequest) -> Access {
        on_group(
            "logs:DeleteMetricFilter",
            caller,
            input.log_group_name.as_deref(),
        )
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteMetricFilterRequest,
    ) -> Result<Unit, Error> {
        let group = Group::named(caller, input.log_group_name)?;
        self.update_group(&group, |record| {
            let before = record.metric_filters.len();
            record
                .metric_filters
                .retain(|filter| filter.filter_name != input.filter_name);
            if record.metric_filters.len() == before {
                return Err(resource_not_found_exception(
                    "The specified metric filter does not exist.",
                ));
            }
            Ok(())
        })
        .await?;
        Ok(Unit {})
    }
}
