use api_ecs::{
    errors,
    operations::RegisterDaemonTaskDefinition,
    types::{RegisterDaemonTaskDefinitionRequest, RegisterDaemonTaskDefinitionResponse},
};
use ecs_rules::daemon;
use limits::TASK_DEFINITION_BYTES;
use wire::{Access, Caller, Error, Handle, Stored};

use super::daemon_task_definitions::{arn_of, family_of};
use crate::{
    Ecs,
    access::{TASKS, passing, scope_of},
    records::{FamilyRecord, TaskDefinitionRecord, TaskDefinitionStatus},
    render::tags,
};

impl Handle<RegisterDaemonTaskDefinition> for Ecs {
    fn access(&self, caller: &Caller, input: &RegisterDaemonTaskDefinitionRequest) -> Access {
        let family = input.family.as_deref().unwrap_or_default();
        let resource = arn_of(&scope_of(caller), family);
        let access = Access::action("ecs:RegisterDaemonTaskDefinition").resource(resource.clone());
        let action = "RegisterDaemonTaskDefinition";
        let access = self.with_tags_of_creation(caller, access, action, resource, &input.tags);
        let roles = [&input.task_role_arn, &input.execution_role_arn];
        passing(access, caller, &roles, TASKS)
    }

    async fn handle(
        &self,
        caller: &Caller,
        mut input: RegisterDaemonTaskDefinitionRequest,
    ) -> Result<RegisterDaemonTaskDefinitionResponse, Error> {
        let length = wire::json::to_vec(&input).len();
        if length > TASK_DEFINITION_BYTES {
            return Err(errors::client_exception(format!(
                "Actual length: '{length}'. Max allowed length is '{TASK_DEFINITION_BYTES}' bytes."
            )));
        }
        let tags = tags::parse(input.tags.take())?;
        let definition = daemon::definition(input)?;
        let family = family_of(definition.family.as_deref().unwrap_or_default());
        let (account, region) = (caller.account.clone(), caller.region.clone());
        let (now, registered_by) = (self.clock.now(), caller.arn());
        let arn = self
            .transact(move |tx| {
                let family_key = FamilyRecord::key_of(&account, &region, &family);
                let known = tx.get::<FamilyRecord>(&family_key);
                let latest = known.map_or(0, |family| family.latest_revision);
                let record = TaskDefinitionRecord {
                    account: account.clone(),
                    region: region.clone(),
                    family: family.clone(),
                    revision: latest + 1,
                    status: TaskDefinitionStatus::Active,
                    definition: Stored(definition),
                    tags,
                    registered_at: now,
                    registered_by,
                    deregistered_at: None,
                };
                tx.put(FamilyRecord {
                    account,
                    region,
                    family,
                    latest_revision: record.revision,
                });
                let arn = record.arn();
                tx.insert(record)?;
                Ok(arn)
            })
            .await?;
        Ok(RegisterDaemonTaskDefinitionResponse {
            daemon_task_definition_arn: Some(arn),
        })
    }
}
