use std::sync::Arc;

use api_ecs::{
    errors,
    operations::DeleteTaskDefinitions,
    types::{DeleteTaskDefinitionsRequest, DeleteTaskDefinitionsResponse, Failure},
};
use limits::TASK_DEFINITIONS_PER_DELETE;
use names::TaskDefinitionReference;
use state::Head;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs, access,
    answer::Refusal,
    lookup,
    records::{TaskDefinitionRecord, TaskDefinitionStatus},
    render,
};

const INVALID: &str = "The specified task definition identifier is invalid. Specify a valid name or ARN and try again.";
const UNKNOWN: &str = "The specified task definition does not exist. Specify a valid account, family, revision and try again.";
const ACTIVE: &str = "The specified task definition is still in ACTIVE status. Please deregister the target and try again.";

impl Handle<DeleteTaskDefinitions> for Ecs {
    fn access(&self, caller: &Caller, input: &DeleteTaskDefinitionsRequest) -> Access {
        let scope = access::scope_of(caller);
        let named = input.task_definitions.iter().flatten();
        Access::action("ecs:DeleteTaskDefinitions")
            .resources(named.map(|name| access::task_definition(&scope, name)))
    }

    /// Marks INACTIVE revisions; the loop `delete_definitions` deletes them when nothing uses them any more.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeleteTaskDefinitionsRequest,
    ) -> Result<DeleteTaskDefinitionsResponse, Error> {
        let named = input.task_definitions.unwrap_or_default();
        if named.is_empty() {
            return Err(errors::invalid_parameter_exception(
                "Task definitions cannot be empty.",
            ));
        }
        if named.len() > TASK_DEFINITIONS_PER_DELETE {
            return Err(errors::invalid_parameter_exception(format!(
                "Task definitions cannot have more than {TASK_DEFINITIONS_PER_DELETE} elements."
            )));
        }
        let (deleted, failures) = self
            .transact(|tx| {
                let (mut deleted, mut failures) = (vec![], vec![]);
                for name in &named {
                    let known = match deletable(tx, caller, name) {
                        Ok(known) => known,
                        Err(reason) => {
                            failures.push(failure(name, reason));
                            continue;
                        }
                    };
                    let mut record = TaskDefinitionRecord::clone(&known);
                    if record.status != TaskDefinitionStatus::DeleteInProgress {
                        record.status = TaskDefinitionStatus::DeleteInProgress;
                        tx.put(record.clone());
                    }
                    deleted.push(render::task_definition::render(&record));
                }
                Ok::<_, Refusal>((deleted, failures))
            })
            .await?;
        Ok(DeleteTaskDefinitionsResponse {
            task_definitions: Some(deleted),
            failures: Some(failures),
        })
    }
}

fn deletable(
    head: &Head,
    caller: &Caller,
    name: &str,
) -> Result<Arc<TaskDefinitionRecord>, &'static str> {
    let reference = TaskDefinitionReference::parse(name).map_err(|_| INVALID)?;
    if reference.revision.is_none() {
        return Err(INVALID);
    }
    let known = lookup::task_definition(head, caller, name).ok_or(UNKNOWN)?;
    match known.status {
        TaskDefinitionStatus::Active => Err(ACTIVE),
        TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress => Ok(known),
        TaskDefinitionStatus::Deleted => Err(UNKNOWN),
    }
}

fn failure(name: &str, reason: &str) -> Failure {
    Failure {
        arn: Some(name.to_owned()),
        reason: Some(reason.to_owned()),
        detail: None,
    }
}
