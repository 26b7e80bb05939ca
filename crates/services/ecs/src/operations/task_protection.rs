//! What the two operations on task scale-in protection share
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html>).

use std::sync::Arc;

use api_ecs::{
    errors,
    types::{Failure, ProtectedTask},
};
use clock::UnixMillis;
use state::Head;
use wire::{Access, Caller, Error};

use crate::{
    access,
    answer::Refusal,
    lookup,
    records::{DesiredStatus, TaskRecord},
    render,
};

const NOT_OF_A_SERVICE: &str = "The specified task is not part of an Amazon ECS service. Only Amazon ECS service-managed tasks can be protected.";
const ENDED: &str =
    "The specified task is stopping or was stopped. Only running tasks can be protected.";

pub(super) fn access(
    action: &'static str,
    caller: &Caller,
    cluster: Option<&str>,
    tasks: &Option<Vec<String>>,
) -> Access {
    let scope = access::scope_of(caller);
    let cluster = access::cluster_of(cluster);
    let tasks = tasks.iter().flatten();
    Access::action(action)
        .resources(tasks.map(|task| access::task(&scope, &cluster, task)))
        .condition("ecs:cluster", scope.cluster(&cluster))
}

/// The tasks of a request, which are some and not too many.
pub(super) fn named(tasks: Option<Vec<String>>, most: usize) -> Result<Vec<String>, Error> {
    let tasks = tasks.unwrap_or_default();
    if tasks.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "Tasks cannot be empty.",
        ));
    }
    if tasks.len() > most {
        return Err(errors::invalid_parameter_exception(format!(
            "Tasks cannot have more than {most} elements."
        )));
    }
    Ok(tasks)
}

/// A task of the request that can be protected, or why it cannot.
pub(super) fn find(
    head: &Head,
    caller: &Caller,
    cluster: &str,
    name: &str,
) -> Result<Result<Arc<TaskRecord>, Failure>, Refusal> {
    let key = lookup::task_key(caller, cluster, name)?;
    let Some(task) = key.and_then(|key| head.get::<TaskRecord>(&key)) else {
        let arn = access::task(&access::scope_of(caller), cluster, name);
        return Ok(Err(render::missing(arn)));
    };
    Ok(match not_valid(&task) {
        Some(failure) => Err(failure),
        None => Ok(task),
    })
}

/// Why a task has no protection and gets none.
fn not_valid(task: &TaskRecord) -> Option<Failure> {
    let detail = if task.service.is_none() {
        NOT_OF_A_SERVICE
    } else if task.desired_status == DesiredStatus::Stopped {
        ENDED
    } else {
        return None;
    };
    Some(Failure {
        arn: Some(task.arn()),
        reason: Some("TASK_NOT_VALID".into()),
        detail: Some(detail.into()),
    })
}

pub(super) fn render(task: &TaskRecord, now: UnixMillis) -> ProtectedTask {
    let until = task.protected_until(now);
    ProtectedTask {
        task_arn: Some(task.arn()),
        protection_enabled: Some(until.is_some()),
        expiration_date: until.map(render::timestamp),
    }
}
