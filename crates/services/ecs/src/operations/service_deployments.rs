//! What the operations on service deployments and service revisions share.

use std::sync::Arc;

use api_ecs::{
    errors,
    types::{CreatedAt, Failure},
};
use kit::page::{Page, paginate_descending};
use limits::{DESCRIBE_SERVICE_DEPLOYMENTS_ITEMS, LIST_SERVICE_DEPLOYMENTS_PAGE_ITEMS};
use names::Arn;
use state::{Head, Record};
use wire::{Access, Caller, Error};

use crate::{
    lookup,
    records::{RolloutStatus, ServiceDeploymentRecord, ServiceRecord},
    render::timestamp,
};

/// What a list gives that is not told how many.
const DEFAULT_PAGE_ITEMS: i32 = 20;

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

/// Which of a service's deployments a list shall have.
pub(super) struct Listing<'a> {
    page: Page,
    created: CreatedAt,
    /// Empty: all.
    statuses: Vec<&'a str>,
    /// How the API calls a status.
    status: fn(RolloutStatus) -> &'static str,
}

impl<'a> Listing<'a> {
    /// `known`: the statuses that the API has.
    pub fn new(
        (max_results, next_token): (Option<i32>, Option<&str>),
        created: Option<CreatedAt>,
        statuses: Vec<&'a str>,
        known: &[&str],
        status: fn(RolloutStatus) -> &'static str,
    ) -> Result<Self, Error> {
        if let Some(unknown) = statuses.iter().find(|status| !known.contains(status)) {
            return Err(errors::invalid_parameter_exception(format!(
                "Invalid status: '{unknown}'. Valid values are {}.",
                known.join(", ")
            )));
        }
        let max_results = max_results.or(Some(DEFAULT_PAGE_ITEMS));
        Ok(Self {
            page: lookup::page(max_results, next_token, LIST_SERVICE_DEPLOYMENTS_PAGE_ITEMS)?,
            created: created.unwrap_or_default(),
            statuses,
            status,
        })
    }

    /// A page of them, the newest first.
    pub fn of(
        &self,
        head: &Head,
        service: &ServiceRecord,
    ) -> (Vec<Arc<ServiceDeploymentRecord>>, Option<String>) {
        let is_asked_for = |record: &&Arc<ServiceDeploymentRecord>| {
            let at = timestamp(record.created_at);
            record.created_at >= service.created_at
                && (self.statuses.is_empty()
                    || self.statuses.contains(&(self.status)(record.status)))
                && self.created.after.is_none_or(|after| at > after)
                && self.created.before.is_none_or(|before| at < before)
        };
        let position = |record: &Arc<ServiceDeploymentRecord>| {
            format!("{:016}/{}", record.created_at.0, record.id)
        };
        let records = head.scan::<ServiceDeploymentRecord>(&format!("{}/", service.key()));
        let mut found: Vec<_> = records.filter(is_asked_for).cloned().collect();
        found.sort_by_key(|record| std::cmp::Reverse(position(record)));
        paginate_descending(&self.page, found.into_iter(), position)
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
