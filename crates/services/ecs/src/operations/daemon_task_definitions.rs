//! What the operations on daemon task definitions share.

use std::sync::Arc;

use api_ecs::errors;
use names::{Scope, TaskDefinitionReference};
use state::Head;
use wire::{Access, Caller, Error};

use crate::{
    access::scope_of,
    lookup,
    records::{DAEMON_PREFIX, TaskDefinitionRecord, TaskDefinitionStatus},
};

/// What the tables call a family.
pub(super) fn family_of(family: &str) -> String {
    format!("{DAEMON_PREFIX}{family}")
}

/// An action on the daemon task definition that a request names.
pub(super) fn access(action: &'static str, caller: &Caller, argument: Option<&str>) -> Access {
    Access::action(action).resource(arn_of(&scope_of(caller), argument.unwrap_or_default()))
}

/// The ARN that a request means; of a family, all its revisions.
pub(super) fn arn_of(scope: &Scope, argument: &str) -> String {
    match TaskDefinitionReference::of_daemon(argument) {
        Ok(reference) => match reference.revision {
            Some(revision) => scope.daemon_task_definition(&reference.family, revision),
            None => scope.arn(
                "ecs",
                &format!("daemon-task-definition/{}:*", reference.family),
            ),
        },
        Err(_) => argument.to_owned(),
    }
}

/// The revision that a family, `family:revision` or ARN means, whatever its status; of a family the latest ACTIVE one.
pub(super) fn find(
    head: &Head,
    caller: &Caller,
    argument: &str,
) -> Option<Arc<TaskDefinitionRecord>> {
    lookup::check_scope(caller, argument).ok()?;
    let reference = TaskDefinitionReference::of_daemon(argument).ok()?;
    let family = family_of(&reference.family);
    match reference.revision {
        Some(revision) => {
            let (account, region) = (&caller.account, &caller.region);
            head.get(&TaskDefinitionRecord::key_of(
                account, region, &family, revision,
            ))
        }
        None => lookup::latest_active(head, caller, &family),
    }
}

/// As [`find`]; one that is not there is an error.
pub(super) fn require(
    head: &Head,
    caller: &Caller,
    argument: Option<&str>,
) -> Result<Arc<TaskDefinitionRecord>, Error> {
    let argument = argument.unwrap_or_default();
    if argument.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "Daemon task definition can not be blank.",
        ));
    }
    lookup::check_scope(caller, argument)?;
    find(head, caller, argument).ok_or_else(|| {
        errors::client_exception("The specified daemon task definition does not exist.")
    })
}

/// One that new daemons may be made of.
pub(super) fn require_active(
    head: &Head,
    caller: &Caller,
    argument: Option<&str>,
) -> Result<Arc<TaskDefinitionRecord>, Error> {
    let record = require(head, caller, argument)?;
    match record.status {
        TaskDefinitionStatus::Active => Ok(record),
        _ => Err(not_active()),
    }
}

pub(super) fn not_active() -> Error {
    errors::invalid_parameter_exception("The specified daemon task definition is not ACTIVE.")
}
