//! GetQueryResults.

use api_logs::errors::{invalid_parameter_exception, resource_not_found_exception};
use api_logs::operations::GetQueryResults;
use api_logs::types::{
    GetQueryResultsRequest, GetQueryResultsResponse, QueryLanguage, QueryStatistics, QueryStatus,
    ResultField,
};
use limits::LOG_QUERY_RESULTS;
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::queries::{QueryState, Status};

impl Handle<GetQueryResults> for Logs {
    fn access(&self, _: &Caller, _: &GetQueryResultsRequest) -> Access {
        Access::action("logs:GetQueryResults")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetQueryResultsRequest,
    ) -> Result<GetQueryResultsResponse, Error> {
        let state = self.query(caller, input.query_id.as_deref())?;
        let token = input.next_token.as_deref().map(str::parse::<usize>);
        let from = token
            .transpose()
            .map_err(|_| invalid_parameter_exception("The specified nextToken is invalid."))?;
        let from = from.unwrap_or_default();
        let most = input.max_items.and_then(|most| usize::try_from(most).ok());
        let most = most.filter(|most| *most > 0).unwrap_or(LOG_QUERY_RESULTS);
        let page = state.results.iter().skip(from).take(most);
        let results: Vec<Vec<ResultField>> = page
            .map(|row| {
                let fields = row.iter().map(|(name, value)| ResultField {
                    field: Some(name.clone()),
                    value: Some(value.clone()),
                });
                fields.collect()
            })
            .collect();
        let next = from + results.len();
        Ok(GetQueryResultsResponse {
            query_language: Some(QueryLanguage::CWLI),
            next_token: (next < state.results.len()).then(|| next.to_string()),
            statistics: Some(statistics(&state)),
            status: Some(shown(state.status)),
            results: Some(results),
            ..GetQueryResultsResponse::default()
        })
    }
}

impl Logs {
    /// A query of the caller's account and region.
    pub(super) fn query(&self, caller: &Caller, id: Option<&str>) -> Result<QueryState, Error> {
        let found = self.queries.get(id.unwrap_or_default());
        let own = found.filter(|state| {
            state.plan.account == caller.account && state.plan.region == caller.region
        });
        own.ok_or_else(|| {
            let id = id.unwrap_or_default();
            resource_not_found_exception(format!("Query {id} does not exist or is no longer kept."))
        })
    }
}

pub(super) fn shown(status: Status) -> QueryStatus {
    match status {
        Status::Scheduled => QueryStatus::SCHEDULED,
        Status::Running => QueryStatus::RUNNING,
        Status::Complete => QueryStatus::COMPLETE,
        Status::Failed => QueryStatus::FAILED,
        Status::Cancelled => QueryStatus::CANCELLED,
        Status::Timeout => QueryStatus::TIMEOUT,
    }
}

fn statistics(state: &QueryState) -> QueryStatistics {
    let statistics = state.statistics;
    QueryStatistics {
        bytes_scanned: Some(statistics.bytes as f64),
        estimated_bytes_skipped: Some(0.0),
        estimated_records_skipped: Some(0.0),
        log_groups_scanned: Some(statistics.groups as f64),
        records_matched: Some(statistics.matched as f64),
        records_scanned: Some(statistics.scanned as f64),
        result_count: Some(state.results.len() as f64),
    }
}
