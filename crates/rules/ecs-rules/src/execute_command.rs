//! ECS Exec talks to a container as the task's role, so that a task without one cannot have it. The messages are AWS's.

use api_ecs::types::{TaskDefinition, TaskOverride};

use crate::Refusal;

/// What RunTask and StartTask are asked for.
pub fn check_task(
    is_enabled: bool,
    definition: &TaskDefinition,
    overrides: Option<&TaskOverride>,
) -> Result<(), Refusal> {
    let own = overrides.and_then(|overrides| overrides.task_role_arn.as_deref());
    if !is_enabled || is_role(own) || is_role(definition.task_role_arn.as_deref()) {
        return Ok(());
    }
    Err(Refusal::invalid_parameter(
        "The execute command failed because a valid task role is not being used. Specify a valid task role in your task \
         definition or as a task override and try again.",
    ))
}

/// What a service is asked for; `done` is what happens to it: `created` or `updated`.
pub fn check_service(
    is_enabled: bool,
    definition: &TaskDefinition,
    done: &str,
) -> Result<(), Refusal> {
    if !is_enabled || is_role(definition.task_role_arn.as_deref()) {
        return Ok(());
    }
    Err(Refusal::invalid_parameter(format!(
        "The service couldn't be {done} because a valid taskRoleArn is not being used. Specify a valid task role in your \
         task definition and try again."
    )))
}

fn is_role(arn: Option<&str>) -> bool {
    arn.is_some_and(|arn| !arn.is_empty())
}
