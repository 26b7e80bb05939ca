//! `dependsOn` and `links`: who exists, which conditions make sense, and that there is no circle.

use std::collections::BTreeMap;

use api_ecs::types::{ContainerCondition, ContainerDefinition, ContainerDependency};

use super::{list, name};
use crate::Refusal;

pub(super) fn check(containers: &[ContainerDefinition]) -> Result<(), Refusal> {
    let by_name: BTreeMap<&str, &ContainerDefinition> = containers
        .iter()
        .map(|container| (name(container), container))
        .collect();
    for container in containers {
        for dependency in list(&container.depends_on) {
            check_dependency(dependency, &by_name)?;
        }
        for link in list(&container.links) {
            if !by_name.contains_key(linked(link)) {
                return Err(Refusal::client(format!(
                    "Cannot link to container '{}' because it does not exist",
                    linked(link)
                )));
            }
        }
    }
    let depends_on = |container: &ContainerDefinition| {
        list(&container.depends_on)
            .iter()
            .filter_map(|dependency| dependency.container_name.clone())
            .collect::<Vec<_>>()
    };
    if has_circle(containers, depends_on) {
        return Err(Refusal::client(
            "Container dependencies should not have a cycle",
        ));
    }
    let links = |container: &ContainerDefinition| {
        let links = list(&container.links).iter();
        links.map(|link| linked(link).to_owned()).collect()
    };
    if has_circle(containers, links) {
        return Err(Refusal::client("Container links should not have a cycle"));
    }
    Ok(())
}

fn check_dependency(
    dependency: &ContainerDependency,
    by_name: &BTreeMap<&str, &ContainerDefinition>,
) -> Result<(), Refusal> {
    let other = dependency.container_name.as_deref().unwrap_or_default();
    let condition = dependency.condition.clone().unwrap_or_else(|| "".into());
    if !ContainerCondition::VALUES.contains(&condition.as_str()) {
        return Err(Refusal::client(format!(
            "Unknown condition '{condition}' in dependsOn. Allowed values are: {}.",
            ContainerCondition::VALUES.join(", ")
        )));
    }
    let Some(target) = by_name.get(other) else {
        return Err(Refusal::client(format!(
            "Cannot depend on container + '{other}' because it does not exist"
        )));
    };
    let ends =
        condition == ContainerCondition::SUCCESS || condition == ContainerCondition::COMPLETE;
    if ends && target.essential != Some(false) {
        return Err(Refusal::client(
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        ));
    }
    if condition == ContainerCondition::HEALTHY && target.health_check.is_none() {
        return Err(Refusal::client(format!(
            "A dependency container with HEALTHY condition must have a health check. Container: '{other}'"
        )));
    }
    Ok(())
}

/// `name` or `name:alias`.
fn linked(link: &str) -> &str {
    link.split_once(':').map_or(link, |(name, _alias)| name)
}

/// Takes away containers that wait for nobody, until none is left or a circle is.
fn has_circle(
    containers: &[ContainerDefinition],
    waits_for: impl Fn(&ContainerDefinition) -> Vec<String>,
) -> bool {
    let mut left: BTreeMap<String, Vec<String>> = containers
        .iter()
        .map(|container| (name(container).to_owned(), waits_for(container)))
        .collect();
    loop {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, others)| !others.iter().any(|other| left.contains_key(other)))
            .map(|(name, _)| name.clone())
            .collect();
        if free.is_empty() {
            return !left.is_empty();
        }
        left.retain(|name, _| !free.contains(name));
    }
}
