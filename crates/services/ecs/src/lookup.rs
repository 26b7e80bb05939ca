//! Finds what a request names, or says in AWS's words that it is not there.

use std::sync::Arc;

use api_ecs::errors;
use kit::Page;
use names::{Arn, TaskDefinitionReference};
use state::Head;
use wire::{Caller, Error};

use crate::records::{
    ClusterRecord, ClusterStatus, FamilyRecord, TaskDefinitionRecord, TaskDefinitionStatus,
    TaskRecord,
};

pub(crate) const DEFAULT_CLUSTER: &str = "default";

/// The name of the cluster that an argument means: a short name, an ARN, or nothing.
pub(crate) fn cluster_name(caller: &Caller, argument: Option<&str>) -> Result<String, Error> {
    let Some(text) = argument.filter(|text| !text.is_empty()) else {
        return Ok(DEFAULT_CLUSTER.to_owned());
    };
    check_scope(caller, text)?;
    names::cluster_name(text).map_err(|_| errors::cluster_not_found_exception("Cluster not found."))
}

/// An ACTIVE cluster.
pub(crate) fn cluster(
    head: &Head,
    caller: &Caller,
    argument: Option<&str>,
) -> Result<Arc<ClusterRecord>, Error> {
    let name = cluster_name(caller, argument)?;
    cluster_record(head, caller, &name)
        .filter(|cluster| cluster.status == ClusterStatus::Active)
        .ok_or_else(|| errors::cluster_not_found_exception("Cluster not found."))
}

/// A cluster whatever its status.
pub(crate) fn cluster_record(
    head: &Head,
    caller: &Caller,
    name: &str,
) -> Option<Arc<ClusterRecord>> {
    head.get(&ClusterRecord::key_of(
        &caller.account,
        &caller.region,
        name,
    ))
}

/// The revision that a family, `family:revision` or ARN means, whatever its status; of a family the latest ACTIVE one.
pub(crate) fn task_definition(
    head: &Head,
    caller: &Caller,
    argument: &str,
) -> Option<Arc<TaskDefinitionRecord>> {
    check_scope(caller, argument).ok()?;
    let reference = TaskDefinitionReference::parse(argument).ok()?;
    let (account, region) = (&caller.account, &caller.region);
    match reference.revision {
        Some(revision) => head.get(&TaskDefinitionRecord::key_of(
            account,
            region,
            &reference.family,
            revision,
        )),
        None => latest_active(head, caller, &reference.family),
    }
}

/// Searches from the newest revision down: old ones are deregistered, so the first look finds it nearly always.
pub(crate) fn latest_active(
    head: &Head,
    caller: &Caller,
    family: &str,
) -> Option<Arc<TaskDefinitionRecord>> {
    let (account, region) = (&caller.account, &caller.region);
    let latest = head
        .get::<FamilyRecord>(&FamilyRecord::key_of(account, region, family))?
        .latest_revision;
    (1..=latest).rev().find_map(|revision| {
        let key = TaskDefinitionRecord::key_of(account, region, family, revision);
        head.get::<TaskDefinitionRecord>(&key)
            .filter(|record| record.status == TaskDefinitionStatus::Active)
    })
}

/// Refuses the ARN of another account or region; a short name is always ours.
pub(crate) fn check_scope(caller: &Caller, text: &str) -> Result<(), Error> {
    let Ok(arn) = Arn::parse(text) else {
        return Ok(());
    };
    if arn.account != caller.account {
        return Err(errors::invalid_parameter_exception(format!(
            "Identifier is for {}. Your accountId is {}",
            arn.account, caller.account
        )));
    }
    if arn.region != caller.region {
        return Err(errors::invalid_parameter_exception(format!(
            "Invalid region specified: '{}'. Region should be '{}'",
            arn.region, caller.region
        )));
    }
    Ok(())
}

/// One page of a list operation.
pub(crate) fn page(
    max_results: Option<i32>,
    next_token: Option<&str>,
    most: usize,
) -> Result<Page, Error> {
    Page::new(max_results, next_token, most)
        .map_err(|error| errors::invalid_parameter_exception(error.to_string()))
}

/// Refuses values of `include` that the model does not have.
pub(crate) fn check_include<T>(
    include: &[T],
    known: &[&str],
    as_str: impl Fn(&T) -> &str,
) -> Result<(), Error> {
    match include
        .iter()
        .map(as_str)
        .find(|value| !known.contains(value))
    {
        None => Ok(()),
        Some(unknown) => Err(errors::invalid_parameter_exception(format!(
            "Unknown include value: '{unknown}'. Allowed values are: {}.",
            known.join(", ")
        ))),
    }
}

/// The key of the task that an id or an ARN means in this cluster; `None` for what cannot be one of its tasks.
pub(crate) fn task_key(
    caller: &Caller,
    cluster: &str,
    argument: &str,
) -> Result<Option<String>, Error> {
    check_scope(caller, argument)?;
    let reference = match names::TaskReference::parse(argument) {
        Ok(reference) => reference,
        Err(names::NameError::Invalid { .. }) => return Ok(None),
        Err(_) => {
            return Err(errors::invalid_parameter_exception(
                "taskId length should be one of [32,36]",
            ));
        }
    };
    let is_here = reference
        .cluster
        .as_deref()
        .is_none_or(|named| named == cluster);
    Ok(
        is_here
            .then(|| TaskRecord::key_of(&caller.account, &caller.region, cluster, &reference.id)),
    )
}
