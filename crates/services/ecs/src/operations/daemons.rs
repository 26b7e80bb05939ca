//! What the operations on daemons share.

use std::sync::Arc;

use api_ecs::errors;
use ecs_rules::{cluster::FARGATE_PROVIDERS, execute_command};
use limits::CAPACITY_PROVIDERS_PER_DAEMON;
use names::Arn;
use state::Head;
use wire::{Access, Caller, Error};

use super::{capacity_providers, clusters, daemon_task_definitions};
use crate::{
    access::scope_of,
    lookup,
    records::{
        ClusterRecord, DAEMON_PREFIX, DaemonSpec, ServiceDeploymentRecord, ServiceRecord,
        ServiceStatus, TaskSpec,
    },
};

/// The parts of a daemon's, a daemon deployment's or a daemon revision's ARN.
pub(super) struct Reference {
    pub cluster: String,
    pub daemon: String,
    /// None of a daemon itself.
    pub id: Option<String>,
}

impl Reference {
    /// Of an ARN of this kind (`daemon`, `daemon-deployment`, `daemon-revision`) in the caller's account and region.
    pub fn parse(caller: &Caller, kind: &str, argument: &str) -> Result<Self, Error> {
        lookup::check_scope(caller, argument)?;
        let has_id = kind != "daemon";
        let rest = if has_id { "/id" } else { "" };
        let invalid = || {
            errors::invalid_parameter_exception(format!(
                "Invalid {kind} ARN: '{argument}'. An ARN has the form arn:aws:ecs:region:account:{kind}/cluster/daemon{rest}."
            ))
        };
        let arn = Arn::parse(argument).map_err(|_| invalid())?;
        let parts: Vec<&str> = arn
            .resource_of("ecs", kind)
            .ok_or_else(invalid)?
            .split('/')
            .collect();
        if parts.len() != 2 + usize::from(has_id) || parts.iter().any(|part| part.is_empty()) {
            return Err(invalid());
        }
        Ok(Self {
            cluster: parts[0].to_owned(),
            daemon: parts[1].to_owned(),
            id: parts.get(2).map(|id| (*id).to_owned()),
        })
    }

    pub fn service_key(&self, caller: &Caller) -> String {
        let name = format!("{DAEMON_PREFIX}{}", self.daemon);
        ServiceRecord::key_of(&caller.account, &caller.region, &self.cluster, &name)
    }
}

/// An action on the daemon that a request names by its ARN.
pub(super) fn access(action: &'static str, caller: &Caller, arn: Option<&str>) -> Access {
    let arn = arn.unwrap_or_default();
    let access = Access::action(action).resource(arn.to_owned());
    match Reference::parse(caller, "daemon", arn) {
        Ok(reference) => {
            access.condition("ecs:cluster", scope_of(caller).cluster(&reference.cluster))
        }
        Err(_) => access,
    }
}

/// The daemon that an ARN means, one that is being deleted too.
pub(super) fn require(
    head: &Head,
    caller: &Caller,
    argument: Option<&str>,
) -> Result<Arc<ServiceRecord>, Error> {
    let argument = argument.unwrap_or_default();
    if argument.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "daemonArn can not be blank.",
        ));
    }
    let reference = Reference::parse(caller, "daemon", argument)?;
    let known = head.get::<ServiceRecord>(&reference.service_key(caller));
    known
        .filter(|daemon| daemon.status != ServiceStatus::Inactive)
        .ok_or_else(|| errors::daemon_not_found_exception("The specified daemon wasn't found."))
}

/// As [`require`]; only an ACTIVE one is changed or deleted.
pub(super) fn require_active(
    head: &Head,
    caller: &Caller,
    argument: Option<&str>,
) -> Result<Arc<ServiceRecord>, Error> {
    let known = require(head, caller, argument)?;
    match known.status {
        ServiceStatus::Active => Ok(known),
        _ => Err(errors::daemon_not_active_exception(
            "The specified daemon isn't active.",
        )),
    }
}

/// The deployment that an ARN means. A daemon that was made anew under the same name has none of the old one's.
pub(super) fn deployment(
    head: &Head,
    caller: &Caller,
    reference: &Reference,
) -> Option<Arc<ServiceDeploymentRecord>> {
    let daemon_key = reference.service_key(caller);
    let daemon = head.get::<ServiceRecord>(&daemon_key)?;
    let key = ServiceDeploymentRecord::key_of(&daemon_key, reference.id.as_ref()?);
    head.get::<ServiceDeploymentRecord>(&key)
        .filter(|record| record.created_at >= daemon.created_at)
}

/// What a daemon's revision is asked to be.
pub(super) struct Asked<'a> {
    pub definition: Option<&'a str>,
    pub capacity_providers: &'a [String],
    pub critical: bool,
    pub propagate_tags: bool,
    pub enable_ecs_managed_tags: bool,
    pub enable_execute_command: bool,
}

pub(super) fn task_spec(
    head: &Head,
    caller: &Caller,
    cluster: &ClusterRecord,
    asked: &Asked<'_>,
) -> Result<TaskSpec, Error> {
    let definition = daemon_task_definitions::require_active(head, caller, asked.definition)?;
    execute_command::check_task(asked.enable_execute_command, &definition.definition, None)?;
    Ok(TaskSpec {
        family: definition.family.clone(),
        revision: definition.revision,
        launch_type: Some("EC2".into()),
        capacity_provider_strategy: vec![],
        platform_version: None,
        network_configuration: None,
        placement_constraints: vec![],
        placement_strategy: vec![],
        daemon: Some(Box::new(DaemonSpec {
            capacity_providers: providers(head, caller, cluster, asked.capacity_providers)?,
            critical: asked.critical,
            propagate_tags: asked.propagate_tags,
            enable_ecs_managed_tags: asked.enable_ecs_managed_tags,
            enable_execute_command: asked.enable_execute_command,
        })),
    })
}

/// Names of the cluster's own providers. Those of Fargate have no instances that a daemon could be on.
fn providers(
    head: &Head,
    caller: &Caller,
    cluster: &ClusterRecord,
    arns: &[String],
) -> Result<Vec<String>, Error> {
    if arns.is_empty() {
        return Err(errors::invalid_parameter_exception(
            "capacityProviderArns cannot be empty.",
        ));
    }
    if arns.len() > CAPACITY_PROVIDERS_PER_DAEMON {
        return Err(errors::invalid_parameter_exception(format!(
            "capacityProviderArns cannot have more than {CAPACITY_PROVIDERS_PER_DAEMON} elements."
        )));
    }
    let mut names: Vec<String> = vec![];
    for arn in arns {
        lookup::check_scope(caller, arn)?;
        let name = capacity_providers::short(arn);
        if FARGATE_PROVIDERS.contains(&name) {
            return Err(errors::invalid_parameter_exception(
                "Daemons are not supported on the FARGATE and FARGATE_SPOT capacity providers.",
            ));
        }
        if !clusters::provider_exists(head, caller, name) {
            return Err(errors::invalid_parameter_exception(format!(
                "The specified capacity provider '{name}' was not found. Specify a valid name or ARN and try again."
            )));
        }
        if !cluster.capacity_providers.iter().any(|own| own == name) {
            return Err(errors::invalid_parameter_exception(format!(
                "The capacity provider '{name}' is not associated with the cluster."
            )));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
