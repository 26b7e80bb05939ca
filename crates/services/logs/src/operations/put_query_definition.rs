//! PutQueryDefinition: makes one, or changes the one with the id.

use api_logs::errors::{limit_exceeded_exception, resource_not_found_exception};
use api_logs::operations::PutQueryDefinition;
use api_logs::types::{
    PutQueryDefinitionRequest, PutQueryDefinitionResponse, QueryDefinition, QueryLanguage,
};
use kit::answer::transact;
use limits::LOG_QUERY_DEFINITIONS;
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::answer::unsupported;
use crate::group::key_prefix;
use crate::records::QueryDefinitionRecord;

impl Handle<PutQueryDefinition> for Logs {
    fn access(&self, _: &Caller, _: &PutQueryDefinitionRequest) -> Access {
        Access::action("logs:PutQueryDefinition")
    }

    // coverage: PutQueryDefinition refuses queryLanguage: CWLI is spoken, SQL and PPL are not
    // coverage: PutQueryDefinition refuses parameters: queries have no parameters yet
    async fn handle(
        &self,
        caller: &Caller,
        input: PutQueryDefinitionRequest,
    ) -> Result<PutQueryDefinitionResponse, Error> {
        if input
            .query_language
            .is_some_and(|it| it != QueryLanguage::CWLI)
        {
            return Err(unsupported(
                "the query languages SQL and PPL (queryLanguage)",
            ));
        }
        if input
            .parameters
            .is_some_and(|parameters| !parameters.is_empty())
        {
            return Err(unsupported("parameters of queries (parameters)"));
        }
        let own = key_prefix(caller);
        // With a token, a request that comes twice makes one.
        let id = match (&input.query_definition_id, &input.client_token) {
            (Some(id), _) => id.clone(),
            (None, Some(token)) => token.to_lowercase(),
            (None, None) => self.clock.uuid(),
        };
        let record = QueryDefinitionRecord {
            scope: own.clone(),
            definition: QueryDefinition {
                query_definition_id: Some(id.clone()),
                name: input.name,
                query_string: input.query_string,
                log_group_names: Some(input.log_group_names.unwrap_or_default()),
                last_modified: Some(self.clock.now().as_millis()),
                query_language: Some(QueryLanguage::CWLI),
                ..QueryDefinition::default()
            }
            .into(),
        };
        transact(&self.state, |tx| {
            let is_there = tx.contains::<QueryDefinitionRecord>(&format!("{own}{id}"));
            if input.query_definition_id.is_some() && !is_there {
                return Err(
                    resource_not_found_exception("The query definition does not exist.").into(),
                );
            }
            let known = tx.scan::<QueryDefinitionRecord>(&own).count();
            if !is_there && known >= LOG_QUERY_DEFINITIONS {
                return Err(limit_exceeded_exception("Resource limit exceeded.").into());
            }
            tx.put(record);
            Ok(())
        })
        .await?;
        Ok(PutQueryDefinitionResponse {
            query_definition_id: Some(id),
        })
    }
}
