use api_ecs::{
    errors,
    operations::DeregisterTaskDefinition,
    types::{DeregisterTaskDefinitionRequest, DeregisterTaskDefinitionResponse},
};
use names::TaskDefinitionReference;
use state::Record;
use wire::{Access, Caller, Error, Handle};

use crate::{
    Ecs, lookup,
    records::{TaskDefinitionRecord, TaskDefinitionStatus},
    render,
};

impl Handle<DeregisterTaskDefinition> for Ecs {
    fn access(&self, _caller: &Caller, _input: &DeregisterTaskDefinitionRequest) -> Access {
        Access::action("ecs:DeregisterTaskDefinition").resource("*")
    }

    /// Tasks and services that use the revision go on; new ones cannot.
    async fn handle(
        &self,
        caller: &Caller,
        input: DeregisterTaskDefinitionRequest,
    ) -> Result<DeregisterTaskDefinitionResponse, Error> {
        let argument = input.task_definition.unwrap_or_default();
        check_reference(caller, &argument)?;
        let now = self.clock.now();
        let record = self
            .transact(|tx| {
                let known = lookup::task_definition(tx, caller, &argument).ok_or_else(|| {
                    errors::client_exception("The specified task definition does not exist.")
                })?;
                let mut record = TaskDefinitionRecord::clone(&known);
                if record.status == TaskDefinitionStatus::Active {
                    record.status = TaskDefinitionStatus::Inactive;
                    record.deregistered_at = Some(now);
                    debug_assert_eq!(known.key(), record.key());
                    tx.put(record.clone());
                }
                Ok(record)
            })
            .await?;
        Ok(DeregisterTaskDefinitionResponse {
            task_definition: Some(render::task_definition::render(&record)),
        })
    }
}

fn check_reference(caller: &Caller, argument: &str) -> Result<(), Error> {
    if argument.is_empty() {
        return Err(errors::client_exception(
            "TaskDefinition should not be null or empty.",
        ));
    }
    lookup::check_scope(caller, argument)?;
    match TaskDefinitionReference::parse(argument) {
        Ok(reference) if reference.revision.is_some() => Ok(()),
        Ok(_) => Err(errors::client_exception("Revision is missing.")),
        Err(_) => Err(errors::client_exception(format!(
            "Invalid task definition: '{argument}'."
        ))),
    }
}
