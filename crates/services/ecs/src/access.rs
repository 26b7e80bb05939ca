//! What the operations of ECS declare for authorisation, by the service authorization reference
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html>).

use api_ecs::types::Tag;
use names::Scope;
use wire::{Access, Caller};

/// An action on a cluster's contents: the resource, and the condition key `ecs:cluster`.
pub(crate) fn in_cluster(
    action: &'static str,
    caller: &Caller,
    cluster: Option<&str>,
    resource: impl FnOnce(&Scope, &str) -> String,
) -> Access {
    let scope = scope_of(caller);
    let cluster = cluster_of(cluster);
    let cluster_arn = scope.cluster(&cluster);
    Access::action(action)
        .resource(resource(&scope, &cluster))
        .condition("ecs:cluster", cluster_arn)
}

/// The account and region that a caller's names live in.
pub(crate) fn scope_of(caller: &Caller) -> Scope {
    Scope::new(&caller.account, &caller.region)
}

/// The name of the cluster that a request means; of an argument that is no name, the argument itself: the operation
/// refuses it after the caller was found allowed to ask.
pub(crate) fn cluster_of(argument: Option<&str>) -> String {
    let argument = argument
        .filter(|text| !text.is_empty())
        .unwrap_or("default");
    names::cluster_name(argument).unwrap_or_else(|_| argument.to_owned())
}

/// The condition keys of tags that a request brings.
pub(crate) fn with_request_tags(access: Access, tags: &Option<Vec<Tag>>) -> Access {
    // One name a key is enough for `aws:TagKeys`; `aws:RequestTag/KEY` needs a name of its own per tag, which comes with
    // the policy engine that could ask for it.
    tags.iter().flatten().fold(access, |access, tag| {
        access.condition("aws:TagKeys", tag.key.clone().unwrap_or_default())
    })
}

/// The ARN of the task definition that a request means; of a family, all its revisions.
pub(crate) fn task_definition(scope: &Scope, argument: &str) -> String {
    match names::TaskDefinitionReference::parse(argument) {
        Ok(reference) => match reference.revision {
            Some(revision) => scope.task_definition(&reference.family, revision),
            None => scope.arn("ecs", &format!("task-definition/{}:*", reference.family)),
        },
        Err(_) => argument.to_owned(),
    }
}

/// The ARN of the task that a request means by an id or an ARN.
pub(crate) fn task(scope: &Scope, cluster: &str, argument: &str) -> String {
    match names::TaskReference::parse(argument) {
        Ok(reference) => scope.task(
            reference.cluster.as_deref().unwrap_or(cluster),
            &reference.id,
        ),
        Err(_) if argument.starts_with("arn:") => argument.to_owned(),
        Err(_) => scope.task(cluster, argument),
    }
}
