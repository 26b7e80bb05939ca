//! GetTaskSecrets: what the containers of a task get as secret environment, for the node that runs it and for no other.

use std::sync::Arc;

use api_gantry::errors::{
    access_denied_exception, invalid_parameter_exception, resource_not_found_exception,
};
use api_gantry::operations::GetTaskSecrets;
use api_gantry::types::{GetTaskSecretsRequest, GetTaskSecretsResponse};
use kit::answer::look;
use names::{Arn, TaskReference};
use service_ecs::records::{ContainerInstanceRecord, TaskDefinitionRecord, TaskRecord, TaskStatus};
use state::Head;
use wire::{Access, Caller, Error, Handle, Principal};

use crate::Control;

impl Handle<GetTaskSecrets> for Control {
    fn access(&self, _caller: &Caller, input: &GetTaskSecretsRequest) -> Access {
        Access::action("gantry:GetTaskSecrets").resource(input.task.clone().unwrap_or_default())
    }

    async fn handle(
        &self,
        caller: &Caller,
        input: GetTaskSecretsRequest,
    ) -> Result<GetTaskSecretsResponse, Error> {
        let arn = input.task.unwrap_or_default();
        let key = task_key(caller, &arn)?;
        let definition = look(&self.store, |head| definition_of(head, caller, &key, &arn)).await?;
        let definition = &definition.definition;
        let role = self.secrets.role_of(caller, definition, &arn)?;
        Ok(GetTaskSecretsResponse {
            secrets: Some(self.secrets.of_definition(&role, definition).await?),
            registry_logins: Some(self.secrets.logins(&role, definition).await?),
        })
    }
}

fn task_key(caller: &Caller, arn: &str) -> Result<String, Error> {
    let invalid = || invalid_parameter_exception(format!("{arn} is not the ARN of a task."));
    let parsed = Arn::parse(arn).map_err(|_| invalid())?;
    if (&parsed.account, &parsed.region) != (&caller.account, &caller.region) {
        return Err(invalid());
    }
    let task = TaskReference::parse(arn).map_err(|_| invalid())?;
    let cluster = task.cluster.ok_or_else(invalid)?;
    Ok(TaskRecord::key_of(
        &parsed.account,
        &parsed.region,
        &cluster,
        &task.id,
    ))
}

fn definition_of(
    head: &Head,
    caller: &Caller,
    key: &str,
    arn: &str,
) -> Result<Arc<TaskDefinitionRecord>, Error> {
    let not_found = || resource_not_found_exception(format!("There is no running task {arn}."));
    let task = head.get::<TaskRecord>(key);
    let task = task.filter(|task| task.last_status != TaskStatus::Stopped);
    let task = task.ok_or_else(not_found)?;
    if !may_see(head, caller, &task) {
        return Err(access_denied_exception(format!(
            "The task {arn} was not placed on the node that asks."
        )));
    }
    let definition =
        TaskDefinitionRecord::key_of(&task.account, &task.region, &task.family, task.revision);
    head.get::<TaskDefinitionRecord>(&definition)
        .ok_or_else(not_found)
}

/// The node that runs it; and root, who sees every secret anyway.
fn may_see(head: &Head, caller: &Caller, task: &TaskRecord) -> bool {
    let Principal::Node { node_id } = &caller.principal else {
        return caller.principal == Principal::Root;
    };
    let instance = task.container_instance_key.as_deref();
    let instance = instance.and_then(|key| head.get::<ContainerInstanceRecord>(key));
    instance.is_some_and(|instance| instance.node_id == *node_id)
}
