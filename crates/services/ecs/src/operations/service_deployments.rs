//! What the operations on service deployments and service revisions share.

use std::sync::Arc;

use api_ecs::{errors, types::Failure};
use limits::DESCRIBE_SERVICE_DEPLOYMENTS_ITEMS;
use names::Arn;
use state::Head;
use wire::{Access, Caller, Error};

use crate::{
    lookup,
    records::{ServiceDeploymentRecord, ServiceRecord},
};

/// `cluster/service/id` of an ARN.
pub(super) struct Reference {
    pub cluster: String,
    pub service: String,
    pub id: String,
}

impl Reference {
    /// Of an ARN of this kind (`service-deployment`, `service-revision`) in the caller's account and region.
    pub fn parse(caller: &Caller, kind: &str, argument: &str) -> Result<Self, Error> {
        lookup::check_scope(caller, argument)?;
        let invalid = || {
            errors::invalid_parameter_exception(format!(
                "Invalid {kind} ARN: '{argument}'. An ARN has the form arn:aws:ecs:region:account:{kind}/cluster/service/id."
            ))
        };
        let arn = Arn::parse(argument).map_err(|_| invalid())?;
        let rest = arn.resource_of("ecs", kind).ok_or_else(invalid)?;
        let parts: Vec<&str> = rest.split('/').collect();
        match parts.as_slice() {
            [cluster, service, id] if parts.iter().all(|part| !part.is_empty()) => Ok(Self {
                cluster: (*cluster).to_owned(),
                service: (*service).to_owned(),
                id: (*id).to_owned(),
            }),
            _ => Err(invalid()),
        }
    }

    pub fn service_key(&self, caller: &Caller) -> String {
        ServiceRecord::key_of(
            &caller.account,
            &caller.region,
            &self.cluster,
            &self.service,
        )
    }
}

/// An action on resources that are named by their ARNs.
pub(super) fn access<'a>(action: &'static str, arns: impl Iterator<Item = &'a String>) -> Access {
    Access::action(action).resources(arns.cloned())
}

/// The ARNs of a batch describe, at most twenty.
pub(super) fn check_batch(arns: &[String], field: &str) -> Result<(), Error> {
    if arns.is_empty() {
        return Err(errors::invalid_parameter_exception(format!(
            "{field} cannot be empty."
        )));
    }
    if arns.len() > DESCRIBE_SERVICE_DEPLOYMENTS_ITEMS {
        return Err(errors::invalid_parameter_exception(format!(
            "{field} cannot have more than {DESCRIBE_SERVICE_DEPLOYMENTS_ITEMS} elements."
        )));
    }
    Ok(())
}

/// The service deployment that an ARN means. A service that was made anew under the same name has none of the old
/// one's.
pub(super) fn require(
    head: &Head,
    caller: &Caller,
    argument: Option<&str>,
) -> Result<Arc<ServiceDeploymentRecord>, Error> {
    let argument = argument.unwrap_or_default();
    if argument.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "serviceDeploymentArn can not be blank.",
        ));
    }
    let reference = Reference::parse(caller, "service-deployment", argument)?;
    find(head, caller, &reference).ok_or_else(|| {
        errors::service_deployment_not_found_exception("Service deployment not found.")
    })
}

pub(super) fn find(
    head: &Head,
    caller: &Caller,
    reference: &Reference,
) -> Option<Arc<ServiceDeploymentRecord>> {
    let service_key = reference.service_key(caller);
    let service = head.get::<ServiceRecord>(&service_key)?;
    if service.daemon_name().is_some() {
        return None;
    }
    let key = ServiceDeploymentRecord::key_of(&service_key, &reference.id);
    head.get::<ServiceDeploymentRecord>(&key)
        .filter(|record| record.created_at >= service.created_at)
}

pub(super) fn missing(arn: &str) -> Failure {
    crate::render::missing(arn.to_owned())
}
