use api_ecs::{
    errors,
    operations::RegisterTaskDefinition,
    types::{RegisterTaskDefinitionRequest, RegisterTaskDefinitionResponse},
};
use ecs_rules::task_definition;
use limits::TASK_DEFINITION_BYTES;
use wire::{Access, Caller, Error, Handle, Stored};

use crate::{
    Ecs,
    access::{self, scope_of},
    launch,
    records::{FamilyRecord, TaskDefinitionRecord, TaskDefinitionStatus},
    render::{self, tags},
};

impl Handle<RegisterTaskDefinition> for Ecs {
    fn access(&self, caller: &Caller, input: &RegisterTaskDefinitionRequest) -> Access {
        let family = input.family.as_deref().unwrap_or_default();
        let resource = scope_of(caller).arn("ecs", &format!("task-definition/{family}:*"));
        let access = Access::action("ecs:RegisterTaskDefinition").resource(resource.clone());
        let access = self.with_tags_of_creation(
            caller,
            access,
            "RegisterTaskDefinition",
            resource,
            &input.tags,
        );
        let roles = [&input.task_role_arn, &input.execution_role_arn];
        access::passing(access, caller, &roles, access::TASKS)
    }

    async fn handle(
        &self,
        caller: &Caller,
        mut input: RegisterTaskDefinitionRequest,
    ) -> Result<RegisterTaskDefinitionResponse, Error> {
        check_size(&input)?;
        let has_tags = input.tags.is_some();
        let tags = tags::parse(input.tags.take())?;
        let definition = task_definition::normalise(input)?;
        for constraint in definition.placement_constraints.iter().flatten() {
            launch::member_of(constraint.expression.as_deref())?;
        }
        let family = definition.family.clone().unwrap_or_default();
        let (account, region) = (caller.account.clone(), caller.region.clone());
        let (now, registered_by) = (self.clock.now(), caller.arn());
        let record = self
            .transact(move |tx| {
                let family_key = FamilyRecord::key_of(&account, &region, &family);
                let latest = tx
                    .get::<FamilyRecord>(&family_key)
                    .map_or(0, |family| family.latest_revision);
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
                tx.insert(record.clone())?;
                Ok(record)
            })
            .await?;
        Ok(RegisterTaskDefinitionResponse {
            task_definition: Some(render::task_definition::render(&record)),
            tags: has_tags.then(|| tags::render(&record.tags)),
        })
    }
}

fn check_size(input: &RegisterTaskDefinitionRequest) -> Result<(), Error> {
    let length = wire::json::to_vec(input).len();
    if length > TASK_DEFINITION_BYTES {
        return Err(errors::client_exception(format!(
            "Actual length: '{length}'. Max allowed length is '{TASK_DEFINITION_BYTES}' bytes."
        )));
    }
    Ok(())
}
