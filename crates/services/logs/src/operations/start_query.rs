//! StartQuery.

use std::sync::Arc;

use api_logs::errors::{
    invalid_parameter_exception, limit_exceeded_exception, malformed_query_exception,
};
use api_logs::operations::StartQuery;
use api_logs::types::{
    MalformedQueryException, QueryCompileError, QueryCompileErrorLocation, QueryLanguage,
    StartQueryRequest, StartQueryResponse,
};
use limits::{LOG_QUERY_GROUPS, LOG_QUERY_RESULTS};
use log_insights::{Query, QueryError};
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::answer::{store_error, unsupported};
use crate::group::{Group, arn_of, on_group};
use crate::queries::QueryPlan;

impl Handle<StartQuery> for Logs {
    fn access(&self, caller: &Caller, input: &StartQueryRequest) -> Access {
        let names = input.log_group_names.iter().flatten();
        let identifiers = input.log_group_identifiers.iter().flatten();
        let mut groups = input.log_group_name.iter().chain(names).chain(identifiers);
        let first = groups.next().map(String::as_str);
        let access = on_group("logs:StartQuery", caller, first);
        access.resources(groups.map(|group| arn_of(caller, group)))
    }

    // coverage: StartQuery refuses queryLanguage: CWLI is spoken, SQL and PPL are not
    async fn handle(
        &self,
        caller: &Caller,
        input: StartQueryRequest,
    ) -> Result<StartQueryResponse, Error> {
        if input
            .query_language
            .is_some_and(|it| it != QueryLanguage::CWLI)
        {
            return Err(unsupported(
                "the query languages SQL and PPL (queryLanguage)",
            ));
        }
        let (start, end) = (
            input.start_time.unwrap_or_default(),
            input.end_time.unwrap_or_default(),
        );
        if start > end {
            return Err(invalid_parameter_exception(
                "Query's end date and time is either before the log groups creation time or exceeds the log groups \
                 log retention settings",
            ));
        }
        let named = input.log_group_name.into_iter();
        let names = named.chain(input.log_group_names.into_iter().flatten());
        let mut groups = Vec::new();
        for name in names {
            groups.push(Group::named(caller, Some(name))?);
        }
        for identifier in input.log_group_identifiers.into_iter().flatten() {
            groups.push(Group::identified(caller, None, Some(identifier))?);
        }
        if groups.is_empty() || groups.len() > LOG_QUERY_GROUPS {
            return Err(invalid_parameter_exception(format!(
                "A query must name 1 to {LOG_QUERY_GROUPS} log groups."
            )));
        }
        for group in &groups {
            self.store.group_settings(&group.key).map_err(store_error)?;
        }
        let text = input.query_string.unwrap_or_default();
        let query = Query::parse(&text).map_err(malformed)?;
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
        let plan = QueryPlan {
            account: caller.account.clone(),
            region: caller.region.clone(),
            text,
            query: Arc::new(query),
            groups: groups.into_iter().map(|it| (it.name, it.key)).collect(),
            start: millis(start),
            end: millis(end).saturating_add(if is_millis(end) { 1 } else { 1000 }),
            limit: limit.unwrap_or(LOG_QUERY_RESULTS).min(LOG_QUERY_RESULTS),
        };
        let id = self.queries.start(self.store.clone(), plan).map_err(|_| {
            limit_exceeded_exception(
                "Account maximum query concurrency limit reached. Please wait until some of your current queries end.",
            )
        })?;
        Ok(StartQueryResponse { query_id: Some(id) })
    }
}

/// Seconds are documented, milliseconds are what the console sends.
fn is_millis(time: i64) -> bool {
    time > 100_000_000_000
}

fn millis(time: i64) -> i64 {
    if is_millis(time) {
        time
    } else {
        time.saturating_mul(1000)
    }
}

fn malformed(error: QueryError) -> Error {
    let offset = |position: usize| i32::try_from(position).ok();
    let details = MalformedQueryException {
        query_compile_error: Some(QueryCompileError {
            location: Some(QueryCompileErrorLocation {
                start_char_offset: offset(error.start),
                end_char_offset: offset(error.end),
            }),
            message: Some(error.to_string()),
        }),
    };
    malformed_query_exception(error.to_string()).with_details(details)
}
