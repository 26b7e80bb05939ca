//! `requiresAttributes`: what a container instance must have announced to get such a task. Read off answers of the real
//! service; the Docker API versions are those that brought each feature, also where a runtime is not Docker.

use std::collections::BTreeSet;

use api_ecs::types::{Attribute, ContainerDefinition, LogDriver, NetworkMode, TaskDefinition};

use crate::secret_reference::SecretReference;

use super::{containers, is_mode, list, logs};

pub(super) fn required(definition: &TaskDefinition) -> Vec<Attribute> {
    let mut names = BTreeSet::new();
    if is_mode(definition, &NetworkMode::AWSVPC) {
        names.insert("ecs.capability.task-eni".to_owned());
        docker(&mut names, 18);
    }
    if definition.task_role_arn.is_some() {
        let host = is_mode(definition, &NetworkMode::HOST);
        let suffix = if host { "-network-host" } else { "" };
        names.insert(format!(
            "com.amazonaws.ecs.capability.task-iam-role{suffix}"
        ));
        docker(&mut names, 17);
    }
    for container in containers(definition) {
        of_container(
            container,
            definition.execution_role_arn.is_some(),
            &mut names,
        );
    }
    names
        .into_iter()
        .map(|name| Attribute {
            name: Some(name),
            ..Attribute::default()
        })
        .collect()
}

fn of_container(
    container: &ContainerDefinition,
    has_execution_role: bool,
    names: &mut BTreeSet<String>,
) {
    if is_ecr_image(container.image.as_deref().unwrap_or_default()) {
        names.insert("com.amazonaws.ecs.capability.ecr-auth".into());
        if has_execution_role {
            names.insert("ecs.capability.execution-role-ecr-pull".into());
        }
    }
    of_logs(container, has_execution_role, names);
    if container.repository_credentials.is_some() {
        names.insert("ecs.capability.private-registry-authentication.secretsmanager".into());
    }
    for secret in list(&container.secrets) {
        let value_from = secret.value_from.as_deref().unwrap_or_default();
        let provider = match SecretReference::parse(value_from) {
            SecretReference::Parameter(_) => "ssm",
            SecretReference::Secret { .. } => "asm",
        };
        names.insert(format!(
            "ecs.capability.secrets.{provider}.environment-variables"
        ));
    }
    if !list(&container.depends_on).is_empty() {
        names.insert("ecs.capability.container-ordering".into());
    }
    if let Some(check) = &container.health_check {
        names.insert("ecs.capability.container-health-check".into());
        docker(names, if check.start_period.is_some() { 29 } else { 24 });
    }
    if container
        .restart_policy
        .as_ref()
        .is_some_and(|policy| policy.enabled == Some(true))
    {
        names.insert("ecs.capability.container-restart-policy".into());
    }
    let has_range = |mapping: &api_ecs::types::PortMapping| mapping.container_port_range.is_some();
    if list(&container.port_mappings).iter().any(has_range) {
        names.insert("ecs.capability.network.container-port-range".into());
    }
    if container.privileged == Some(true) {
        names.insert("com.amazonaws.ecs.capability.privileged-container".into());
    }
    if container.user.is_some()
        || container.readonly_root_filesystem.is_some()
        || container.hostname.is_some()
    {
        docker(names, 17);
    }
    let labels = container
        .docker_labels
        .as_ref()
        .is_some_and(|labels| !labels.is_empty());
    if labels || !list(&container.ulimits).is_empty() {
        docker(names, 18);
    }
    if let Some(linux) = &container.linux_parameters {
        if linux.init_process_enabled == Some(true) {
            docker(names, 25);
        }
        if linux.shared_memory_size.is_some() || !list(&linux.tmpfs).is_empty() {
            docker(names, 22);
        }
    }
}

fn of_logs(
    container: &ContainerDefinition,
    has_execution_role: bool,
    names: &mut BTreeSet<String>,
) {
    let Some(driver) = container
        .log_configuration
        .as_ref()
        .and_then(|log| log.log_driver.as_ref())
    else {
        return;
    };
    names.insert(format!(
        "com.amazonaws.ecs.capability.logging-driver.{driver}"
    ));
    docker(names, 18);
    if *driver == LogDriver::AWSLOGS {
        docker(names, 19);
        if has_execution_role {
            names.insert("ecs.capability.execution-role-awslogs".into());
        }
        if logs::option_of(container, "awslogs-create-group").is_some() {
            docker(names, 29);
        }
    }
}

fn docker(names: &mut BTreeSet<String>, minor: u32) {
    names.insert(format!(
        "com.amazonaws.ecs.capability.docker-remote-api.1.{minor}"
    ));
}

/// `ACCOUNT.dkr.ecr.REGION.amazonaws.com/…`
fn is_ecr_image(image: &str) -> bool {
    let host = image.split_once('/').map_or("", |(host, _)| host);
    host.contains(".dkr.ecr.") && host.contains(".amazonaws.com")
}
