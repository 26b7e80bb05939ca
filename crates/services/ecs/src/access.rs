//! What the operations of ECS declare for authorisation, by the service authorization reference
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html>).

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
fn cluster_of(argument: Option<&str>) -> String {
    let argument = argument
        .filter(|text| !text.is_empty())
        .unwrap_or("default");
    names::cluster_name(argument).unwrap_or_else(|_| argument.to_owned())
}
