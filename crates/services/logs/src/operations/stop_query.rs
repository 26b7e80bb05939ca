//! StopQuery.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::StopQuery;
use api_logs::types::{StopQueryRequest, StopQueryResponse};
use wire::{Access, Caller, Error, Handle};

use crate::Logs;

impl Handle<StopQuery> for Logs {
    fn access(&self, _: &Caller, _: &StopQueryRequest) -> Access {
        Access::action("logs:StopQuery")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: StopQueryRequest,
    ) -> Result<StopQueryResponse, Error> {
        let id = input.query_id.as_deref();
        self.query(caller, id)?;
        if !self.queries.stop(id.unwrap_or_default()) {
            return Err(invalid_parameter_exception(
                "The query has already ended and cannot be stopped.",
            ));
        }
        let success = Some(true);
        Ok(StopQueryResponse { success })
    }
}
