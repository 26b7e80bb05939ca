//! DescribeQueries: the newest first.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::DescribeQueries;
use api_logs::types::{DescribeQueriesRequest, DescribeQueriesResponse, QueryInfo, QueryLanguage};
use limits::LOG_QUERIES_KEPT;
use wire::{Access, Caller, Error, Handle};

use super::get_query_results::shown;
use crate::Logs;
use crate::queries::QueryState;

impl Handle<DescribeQueries> for Logs {
    fn access(&self, _: &Caller, _: &DescribeQueriesRequest) -> Access {
        Access::action("logs:DescribeQueries")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeQueriesRequest,
    ) -> Result<DescribeQueriesResponse, Error> {
        let is_wanted = |state: &QueryState| {
            let is_own = state.plan.account == caller.account && state.plan.region == caller.region;
            let is_group = |name: &String| state.plan.groups.iter().any(|(group, _)| group == name);
            let status = shown(state.status);
            is_own
                && input.log_group_name.as_ref().is_none_or(is_group)
                && input.status.as_ref().is_none_or(|wanted| *wanted == status)
                && input
                    .query_language
                    .as_ref()
                    .is_none_or(|it| *it == QueryLanguage::CWLI)
        };
        let mut list = self.queries.list();
        list.retain(|(_, state)| is_wanted(state));
        let mut from = 0;
        if let Some(token) = &input.next_token {
            let place = list.iter().position(|(id, _)| id == token);
            let place = place.ok_or_else(|| {
                invalid_parameter_exception("The specified nextToken is invalid.")
            })?;
            from = place + 1;
        }
        let most = input
            .max_results
            .and_then(|most| usize::try_from(most).ok());
        let most = most.unwrap_or(LOG_QUERIES_KEPT).max(1);
        let is_more = list.len() > from + most;
        let page: Vec<_> = list.into_iter().skip(from).take(most).collect();
        let last = page.last().filter(|_| is_more);
        Ok(DescribeQueriesResponse {
            next_token: last.map(|(id, _)| id.clone()),
            queries: Some(
                page.into_iter()
                    .map(|(id, state)| render(id, &state))
                    .collect(),
            ),
        })
    }
}

fn render(id: String, state: &QueryState) -> QueryInfo {
    QueryInfo {
        query_id: Some(id),
        query_string: Some(state.plan.text.clone()),
        query_language: Some(QueryLanguage::CWLI),
        status: Some(shown(state.status)),
        create_time: Some(state.created_at),
        log_group_name: state.plan.groups.first().map(|(name, _)| name.clone()),
        query_duration: state.took,
        bytes_scanned: Some(state.statistics.bytes as f64),
        ..QueryInfo::default()
    }
}
