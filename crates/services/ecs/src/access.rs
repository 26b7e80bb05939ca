//! What the operations of ECS declare for authorisation, by the service authorization reference
//! (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html>).

use wire::{Access, Caller};

/// An action on a cluster's contents: the resource, and the condition key `ecs:cluster`.
pub(crate) fn in_cluster(
    action: &'static str,
    caller: &Caller,
    cluster: Option<&str>,
    resource: impl FnOnce(&str) -> String,
) -> Access {
    let cluster = names::ecs::cluster_name(cluster);
    let cluster_arn = names::arn::cluster(&caller.region, &caller.account, &cluster);
    Access::action(action)
        .resource(resource(&cluster))
        .condition("ecs:cluster", cluster_arn)
}
