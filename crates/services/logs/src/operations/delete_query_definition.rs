//! DeleteQueryDefinition.

use api_logs::errors::resource_not_found_exception;
use api_logs::operations::DeleteQueryDefinition;
use api_logs::types::{DeleteQueryDefinitionRequest, DeleteQueryDefinitionResponse};
use kit::answer::transact;
use wire::{Access, Caller, Error, Handle};

use crate::Logs;
use crate::group::key_prefix;
use crate::records::QueryDefinitionRecord;

impl Handle<DeleteQueryDefinition> for Logs {
    fn access(&self, _: &Caller, _: &DeleteQueryDefinitionRequest) -> Access {
        Access::action("logs:DeleteQueryDefinition")
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteQueryDefinitionRequest,
    ) -> Result<DeleteQueryDefinitionResponse, Error> {
        let id = input.query_definition_id.unwrap_or_default();
        let key = format!("{}{id}", key_prefix(caller));
        transact(&self.state, |tx| {
            if !tx.contains::<QueryDefinitionRecord>(&key) {
                return Err(
                    resource_not_found_exception("The query definition does not exist.").into(),
                );
            }
            tx.delete::<QueryDefinitionRecord>(&key);
            Ok(())
        })
        .await?;
        let success = Some(true);
        Ok(DeleteQueryDefinitionResponse { success })
    }
}
