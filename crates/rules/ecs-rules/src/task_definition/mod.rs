//! RegisterTaskDefinition: what is refused, and what AWS fills in.
//!
//! Rules: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html> and its Fargate
//! page; messages are AWS's where it is known what it says. One rule of AWS is not applied: that Fargate wants an execution
//! role for `awslogs` and ECR images. Roles come with IAM; until then the node's own key does that work.

mod attributes;
mod capabilities;
mod containers;
mod dependencies;
mod external;
mod fargate;
mod logs;
mod ports;
mod sharing;
pub mod size;
mod unsupported;
mod volumes;

use api_ecs::types::{
    Compatibility, ContainerDefinition, NetworkMode, RegisterTaskDefinitionRequest, TaskDefinition,
    TaskDefinitionPlacementConstraint, TaskDefinitionPlacementConstraintType,
};

use crate::Refusal;

pub use unsupported::{CONTAINER_FIELDS, TASK_FIELDS, UnsupportedField};

/// The definition that DescribeTaskDefinition will answer, but for ARN, revision, status, and who registered it when.
pub fn normalise(request: RegisterTaskDefinitionRequest) -> Result<TaskDefinition, Refusal> {
    check_family(request.family.as_deref().unwrap_or_default())?;
    unsupported::check(&request)?;
    let required = required_compatibilities(&request)?;
    let network_mode = network_mode(&request, &required)?;
    check_placement_constraints(list(&request.placement_constraints))?;
    let mut definition = TaskDefinition {
        cpu: size::normalise_cpu(request.cpu.as_deref(), &required)?,
        memory: size::normalise_memory(request.memory.as_deref())?,
        network_mode: Some(network_mode),
        container_definitions: request.container_definitions,
        family: request.family,
        task_role_arn: request.task_role_arn,
        execution_role_arn: request.execution_role_arn,
        volumes: Some(request.volumes.unwrap_or_default()),
        placement_constraints: Some(request.placement_constraints.unwrap_or_default()),
        requires_compatibilities: request
            .requires_compatibilities
            .filter(|list| !list.is_empty()),
        ephemeral_storage: request.ephemeral_storage,
        pid_mode: request.pid_mode,
        ipc_mode: request.ipc_mode,
        runtime_platform: request.runtime_platform,
        enable_fault_injection: request.enable_fault_injection,
        ..TaskDefinition::default()
    };
    sharing::check(&definition)?;
    volumes::normalise(&mut definition)?;
    containers::normalise(&mut definition)?;
    size::check_containers_fit(&definition)?;
    dependencies::check(containers(&definition))?;
    let compatibilities = compatibilities(&definition, &required)?;
    definition.compatibilities = Some(compatibilities);
    definition.requires_attributes = Some(attributes::required(&definition));
    Ok(definition)
}

/// Letters, digits, hyphens and underscores, 1 to 255: families, containers and volumes.
fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn check_family(family: &str) -> Result<(), Refusal> {
    if family.is_empty() {
        return Err(Refusal::client("Family should not be null or empty."));
    }
    if family.len() > 255 {
        return Err(Refusal::client(
            "Family name must not be longer than 255 characters.",
        ));
    }
    if !is_name(family) {
        return Err(Refusal::client("Family contains invalid characters."));
    }
    Ok(())
}

fn required_compatibilities(
    request: &RegisterTaskDefinitionRequest,
) -> Result<Vec<Compatibility>, Refusal> {
    let required = request.requires_compatibilities.clone().unwrap_or_default();
    for compatibility in &required {
        if !Compatibility::VALUES.contains(&compatibility.as_str()) {
            return Err(Refusal::client(format!(
                "Unknown value '{compatibility}' in requiresCompatibilities. Allowed values are: {}.",
                Compatibility::VALUES.join(", ")
            )));
        }
    }
    Ok(required)
}

/// Whether the expressions are some is for whoever knows the cluster query language.
fn check_placement_constraints(
    constraints: &[TaskDefinitionPlacementConstraint],
) -> Result<(), Refusal> {
    const MOST_CONSTRAINTS: usize = 10;
    if constraints.len() > MOST_CONSTRAINTS {
        return Err(Refusal::client(format!(
            "placementConstraints can have at most {MOST_CONSTRAINTS} items."
        )));
    }
    let is_member_of = |constraint: &TaskDefinitionPlacementConstraint| {
        let of_type = constraint.r#type.as_ref();
        of_type.is_some_and(|of_type| *of_type == TaskDefinitionPlacementConstraintType::MEMBER_OF)
    };
    if !constraints.iter().all(is_member_of) {
        return Err(Refusal::client(
            "Invalid placement constraint type. A task definition takes memberOf only.",
        ));
    }
    Ok(())
}

fn network_mode(
    request: &RegisterTaskDefinitionRequest,
    required: &[Compatibility],
) -> Result<NetworkMode, Refusal> {
    let mode = request.network_mode.clone().unwrap_or(NetworkMode::BRIDGE);
    if !NetworkMode::VALUES.contains(&mode.as_str()) {
        return Err(Refusal::client(format!("Unknown network mode '{mode}'.")));
    }
    if required.contains(&Compatibility::FARGATE) && mode != NetworkMode::AWSVPC {
        return Err(Refusal::client(fargate::ONLY_AWSVPC));
    }
    Ok(mode)
}

/// Every launch type whose rules the definition keeps; those that were asked for must be among them.
fn compatibilities(
    definition: &TaskDefinition,
    required: &[Compatibility],
) -> Result<Vec<Compatibility>, Refusal> {
    let mut fitting = Vec::new();
    let mut consider = |compatibility: Compatibility, verdict: Result<(), Refusal>| match verdict {
        Ok(()) => {
            fitting.push(compatibility);
            Ok(())
        }
        Err(refusal) if required.contains(&compatibility) => Err(refusal),
        Err(_) => Ok(()),
    };
    consider(Compatibility::EXTERNAL, external::check(definition))?;
    consider(Compatibility::EC2, Ok(()))?;
    consider(Compatibility::FARGATE, fargate::check(definition))?;
    Ok(fitting)
}

fn containers(definition: &TaskDefinition) -> &[ContainerDefinition] {
    list(&definition.container_definitions)
}

fn is_mode(definition: &TaskDefinition, mode: &NetworkMode) -> bool {
    definition.network_mode.as_ref() == Some(mode)
}

fn name(container: &ContainerDefinition) -> &str {
    container.name.as_deref().unwrap_or_default()
}

fn list<T>(members: &Option<Vec<T>>) -> &[T] {
    members.as_deref().unwrap_or_default()
}
