//! What the operations on capacity providers share.

use std::sync::Arc;

use api_ecs::errors;
use ecs_rules::cluster::FARGATE_PROVIDERS;
use names::{Arn, Scope};
use state::Head;
use wire::{Caller, Error};

use crate::{lookup, records::CapacityProviderRecord};

/// The name in a name or an ARN.
pub(super) fn short(argument: &str) -> &str {
    argument.rsplit_once('/').map_or(argument, |(_, name)| name)
}

pub(super) fn arn_of(scope: &Scope, argument: &str) -> String {
    if Arn::is_arn(argument) {
        return argument.to_owned();
    }
    scope.capacity_provider(argument)
}

/// A provider that somebody made.
pub(super) fn find(
    head: &Head,
    caller: &Caller,
    argument: &str,
) -> Option<Arc<CapacityProviderRecord>> {
    lookup::check_scope(caller, argument).ok()?;
    let name = short(argument);
    let (account, region) = (&caller.account, &caller.region);
    head.get(&CapacityProviderRecord::key_of(account, region, name))
}

/// The one that a request changes.
pub(super) fn changeable(
    head: &Head,
    caller: &Caller,
    argument: Option<&str>,
) -> Result<Arc<CapacityProviderRecord>, Error> {
    let argument = argument.unwrap_or_default();
    lookup::check_scope(caller, argument)?;
    if FARGATE_PROVIDERS.contains(&short(argument)) {
        return Err(errors::client_exception(
            "The FARGATE and FARGATE_SPOT capacity providers are reserved and can't be changed or deleted.",
        ));
    }
    find(head, caller, argument).ok_or_else(|| {
        errors::client_exception(
            "The specified capacity provider was not found. Specify a valid name or ARN and try again.",
        )
    })
}

/// Only providers of Managed Instances belong to a cluster.
pub(super) fn refuse_cluster(cluster: &Option<String>) -> Result<(), Error> {
    match cluster.as_ref().is_some_and(|cluster| !cluster.is_empty()) {
        false => Ok(()),
        true => Err(errors::invalid_parameter_exception(
            "The cluster parameter is only valid for capacity providers of Amazon ECS Managed Instances.",
        )),
    }
}
