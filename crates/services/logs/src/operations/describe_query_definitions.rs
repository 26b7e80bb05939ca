//! DescribeQueryDefinitions: in order of name.

use api_logs::errors::invalid_parameter_exception;
use api_logs::operations::DescribeQueryDefinitions;
use api_logs::types::{
    DescribeQueryDefinitionsRequest, DescribeQueryDefinitionsResponse, QueryDefinition,
    QueryLanguage,
};
use kit::answer::look;
use kit::{Page, paginate};
use limits::LOG_QUERY_DEFINITIONS;
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::group::key_prefix;
use crate::records::QueryDefinitionRecord;

impl Handle<DescribeQueryDefinitions> for Logs {
    fn access(&self, _: &Caller, _: &DescribeQueryDefinitionsRequest) -> Access {
        Access::action("logs:DescribeQueryDefinitions")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DescribeQueryDefinitionsRequest,
    ) -> Result<DescribeQueryDefinitionsResponse, Error> {
        let page = Page::new(
            input.max_results,
            input.next_token.as_deref(),
            LOG_QUERY_DEFINITIONS,
        );
        let page =
            page.map_err(|_| invalid_parameter_exception("The specified nextToken is invalid."))?;
        let prefix = input.query_definition_name_prefix.unwrap_or_default();
        let is_spoken = input
            .query_language
            .is_none_or(|it| it == QueryLanguage::CWLI);
        let own = key_prefix(caller);
        let records = look(&self.state, |head| {
            let records = head.scan::<QueryDefinitionRecord>(&own);
            let definitions = records.map(|record| record.definition.0.clone());
            Ok(definitions.collect::<Vec<_>>())
        })
        .await?;
        let named = |it: &QueryDefinition| it.name.clone().unwrap_or_default();
        let mut definitions = records;
        definitions.retain(|it| is_spoken && named(it).starts_with(&prefix));
        let key = |it: &QueryDefinition| {
            format!(
                "{}\n{}",
                named(it),
                it.query_definition_id.as_deref().unwrap_or_default()
            )
        };
        definitions.sort_by_key(key);
        let (definitions, next_token) = paginate(&page, definitions.into_iter(), key);
        Ok(DescribeQueryDefinitionsResponse {
            query_definitions: Some(definitions),
            next_token,
        })
    }
}
