//! What the operations of ECS declare for authorisation, by the service authorization reference
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html>).

use api_ecs::types::Tag;
use ecs_rules::account_setting;
use names::Scope;
use wire::{Access, Caller};

use crate::{Ecs, account_settings};

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
    tags.iter().flatten().fold(access, |access, tag| {
        let key = tag.key.clone().unwrap_or_default();
        let value = tag.value.clone().unwrap_or_default();
        access
            .condition(format!("aws:RequestTag/{key}"), value)
            .condition("aws:TagKeys", key)
    })
}

/// A service that tasks' roles are passed to.
pub(crate) const TASKS: &str = "ecs-tasks.amazonaws.com";
/// The service that acts for a service of ECS.
pub(crate) const ECS: &str = "ecs.amazonaws.com";

/// Whoever names a role for a service to use has to be allowed to pass it there. Roles are named by ARN or by name.
/// Comes last: it names actions of its own.
pub(crate) fn passing(
    access: Access,
    caller: &Caller,
    roles: &[&Option<String>],
    service: &'static str,
) -> Access {
    let named = roles.iter().filter_map(|role| role.as_deref());
    let named = named.filter(|role| !role.is_empty());
    named.fold(access, |access, role| {
        let arn = match role.starts_with("arn:") {
            true => role.to_owned(),
            false => format!("arn:aws:iam::{}:role/{role}", caller.account),
        };
        access
            .also("iam:PassRole")
            .resource(arn)
            .condition("iam:PassedToService", service)
    })
}

impl Ecs {
    /// What a request asks for that makes something with tags: besides its own action `ecs:TagResource` on what it makes
    /// (`*` for ids that are not given yet), unless the account setting tagResourceAuthorization is off
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html>).
    pub(crate) fn with_tags_of_creation(
        &self,
        caller: &Caller,
        access: Access,
        create_action: &'static str,
        created: String,
        tags: &Option<Vec<Tag>>,
    ) -> Access {
        let access = with_request_tags(access, tags);
        if tags.iter().flatten().next().is_none() || !self.is_tagging_authorized(caller) {
            return access;
        }
        let access = access
            .also("ecs:TagResource")
            .resource(created)
            .condition("ecs:CreateAction", create_action);
        with_request_tags(access, tags)
    }

    fn is_tagging_authorized(&self, caller: &Caller) -> bool {
        let Ok(setting) = account_setting::find(account_setting::TAG_RESOURCE_AUTHORIZATION) else {
            return true;
        };
        let principal = caller.arn();
        let read = self
            .store
            .read(|head| account_settings::effective(head, caller, &principal, setting) != "off");
        read.head()
    }
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
