//! What RunTask may override of a task definition, checked and with sizes in plain units.

use api_ecs::types::{ContainerOverride, ResourceRequirement, TaskDefinition, TaskOverride};
use limits::TASK_OVERRIDES_BYTES;

use crate::{Refusal, gpu, task_definition::size};

/// Checks the overrides against the definition; sizes come out in CPU units and MiB.
pub fn normalise(
    definition: &TaskDefinition,
    mut overrides: TaskOverride,
    is_fargate: bool,
) -> Result<TaskOverride, Refusal> {
    let text_bytes = overrides
        .container_overrides
        .iter()
        .flatten()
        .map(text_bytes);
    if text_bytes.sum::<usize>() > TASK_OVERRIDES_BYTES {
        return Err(Refusal::invalid_parameter(format!(
            "Container Overrides length must be at most {TASK_OVERRIDES_BYTES}"
        )));
    }
    for container in overrides.container_overrides.iter().flatten() {
        check_container(definition, container, is_fargate)?;
    }
    // coverage: RunTask, StartTask refuses overrides.inferenceAcceleratorOverrides: Gantry has no Elastic Inference
    if overrides
        .inference_accelerator_overrides
        .iter()
        .flatten()
        .count()
        > 0
    {
        return Err(Refusal::unsupported_field(
            "overrides.inferenceAcceleratorOverrides",
            "Gantry has no Elastic Inference",
        ));
    }
    overrides.cpu = overrides.cpu.map(|text| parse_cpu(&text)).transpose()?;
    overrides.memory = overrides
        .memory
        .map(|text| parse_memory(&text))
        .transpose()?;
    if is_fargate {
        check_fargate(definition, &overrides)?;
    }
    Ok(overrides)
}

fn check_container(
    definition: &TaskDefinition,
    container: &ContainerOverride,
    is_fargate: bool,
) -> Result<(), Refusal> {
    let Some(name) = container.name.as_deref().filter(|name| !name.is_empty()) else {
        return Err(Refusal::invalid_parameter(
            "Container name cannot be blank in a container override.",
        ));
    };
    let known = definition.container_definitions.iter().flatten();
    let Some(defined) = known
        .clone()
        .find(|defined| defined.name.as_deref() == Some(name))
    else {
        return Err(Refusal::invalid_parameter(format!(
            "Override for container named {name} is not a container in the TaskDefinition."
        )));
    };
    for pair in container.environment.iter().flatten() {
        if pair.name.as_deref().unwrap_or_default().is_empty() {
            return Err(Refusal::invalid_parameter(
                "Environment variable names cannot be blank.",
            ));
        }
    }
    // coverage: RunTask, StartTask refuses overrides.containerOverrides[].environmentFiles: Gantry has no S3
    if container.environment_files.iter().flatten().count() > 0 {
        return Err(Refusal::unsupported_field(
            "overrides.containerOverrides[].environmentFiles",
            "Gantry has no S3",
        ));
    }
    let requirements = container.resource_requirements.as_deref();
    check_requirements(requirements.unwrap_or_default(), is_fargate)?;
    check_sizes(
        container.cpu,
        container.memory.or(defined.memory),
        container.memory_reservation.or(defined.memory_reservation),
    )
}

// coverage: RunTask, StartTask refuses overrides.containerOverrides[].resourceRequirements[].sharingStrategy: Gantry has no NVIDIA MPS
// coverage: RunTask, StartTask refuses overrides.containerOverrides[].resourceRequirements other than a number of GPUs: Gantry gives whole GPUs, by number
fn check_requirements(
    requirements: &[ResourceRequirement],
    is_fargate: bool,
) -> Result<(), Refusal> {
    if requirements.iter().any(gpu::is_unsupported) {
        return Err(Refusal::unsupported_field(
            "overrides.containerOverrides[].resourceRequirements other than a number of GPUs",
            "Gantry gives whole GPUs, by number",
        ));
    }
    if is_fargate && !requirements.is_empty() {
        return Err(Refusal::invalid_parameter(
            "Tasks using the Fargate launch type do not support GPU resource requirements.",
        ));
    }
    gpu::check(requirements)
}

fn check_sizes(
    cpu: Option<i32>,
    memory: Option<i32>,
    reservation: Option<i32>,
) -> Result<(), Refusal> {
    const LEAST_MEMORY_MIB: i32 = 6;
    if cpu.is_some_and(|cpu| cpu < 0) {
        return Err(Refusal::invalid_parameter(
            "Invalid 'cpu' setting for container.",
        ));
    }
    if [memory, reservation]
        .into_iter()
        .flatten()
        .any(|size| size < LEAST_MEMORY_MIB)
    {
        return Err(Refusal::invalid_parameter(format!(
            "Container memory must be at least {LEAST_MEMORY_MIB} MiB."
        )));
    }
    match (memory, reservation) {
        (Some(memory), Some(reservation)) if reservation > memory => {
            Err(Refusal::invalid_parameter(
                "Invalid setting for container. 'memoryReservation' must be less than or equal to 'memory'.",
            ))
        }
        _ => Ok(()),
    }
}

fn check_fargate(definition: &TaskDefinition, overrides: &TaskOverride) -> Result<(), Refusal> {
    let (defined_cpu, defined_memory) = size::of_task(definition);
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
    let cpu = number(&overrides.cpu).or(defined_cpu);
    let memory = number(&overrides.memory).or(defined_memory);
    if overrides.cpu.is_some() || overrides.memory.is_some() {
        let is_size = cpu
            .zip(memory)
            .is_some_and(|(cpu, memory)| size::is_fargate_size(cpu, memory));
        if !is_size {
            return Err(Refusal::client(
                "No Fargate configuration exists for given values.",
            ));
        }
    }
    let storage = overrides
        .ephemeral_storage
        .as_ref()
        .map(|storage| storage.size_in_gib.unwrap_or_default());
    if storage.is_some_and(|gib| !(21..=200).contains(&gib)) {
        return Err(Refusal::client(
            "The ephemeral storage size must be between 21 and 200 GiB.",
        ));
    }
    Ok(())
}

fn parse_cpu(text: &str) -> Result<String, Refusal> {
    size::parse_cpu(text)
        .filter(|units| *units > 0)
        .map(|units| units.to_string())
        .ok_or_else(|| Refusal::client("Invalid 'cpu' setting for task."))
}

fn parse_memory(text: &str) -> Result<String, Refusal> {
    size::parse_memory(text)
        .filter(|mib| *mib > 0)
        .map(|mib| mib.to_string())
        .ok_or_else(|| Refusal::client("Invalid 'memory' setting for task."))
}

/// What AWS counts: the characters that the overrides put into the container.
fn text_bytes(container: &ContainerOverride) -> usize {
    let command: usize = container.command.iter().flatten().map(String::len).sum();
    let environment: usize = container
        .environment
        .iter()
        .flatten()
        .map(|pair| {
            let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            length(&pair.name) + length(&pair.value)
        })
        .sum();
    command + environment
}

#[cfg(test)]
mod tests {
    use api_ecs::types::{ContainerDefinition, EphemeralStorage, KeyValuePair};
    use proptest::prelude::*;

    use super::*;

    fn definition() -> TaskDefinition {
        TaskDefinition {
            cpu: Some("256".into()),
            memory: Some("512".into()),
            container_definitions: Some(vec![ContainerDefinition {
                name: Some("web".into()),
                memory: Some(256),
                ..Default::default()
            }]),
            ..Default::default()
        }
    }

    fn container(name: &str) -> ContainerOverride {
        ContainerOverride {
            name: Some(name.into()),
            ..Default::default()
        }
    }

    fn check(overrides: TaskOverride) -> Result<TaskOverride, String> {
        normalise(&definition(), overrides, true).map_err(|refusal| refusal.message().to_owned())
    }

    fn of(container: ContainerOverride) -> TaskOverride {
        TaskOverride {
            container_overrides: Some(vec![container]),
            ..Default::default()
        }
    }

    #[test]
    fn sizes_come_out_in_units() {
        let overrides = check(TaskOverride {
            cpu: Some("1 vCPU".into()),
            memory: Some("2GB".into()),
            ..Default::default()
        })
        .unwrap();
        assert_eq!(overrides.cpu.as_deref(), Some("1024"));
        assert_eq!(overrides.memory.as_deref(), Some("2048"));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(
            check(of(container("db"))).unwrap_err(),
            "Override for container named db is not a container in the TaskDefinition."
        );
        assert!(check(of(container(""))).unwrap_err().contains("blank"));
        let too_large = of(ContainerOverride {
            command: Some(vec!["x".repeat(TASK_OVERRIDES_BYTES + 1)]),
            ..container("web")
        });
        assert_eq!(
            check(too_large).unwrap_err(),
            "Container Overrides length must be at most 8192"
        );
        let odd_pair = TaskOverride {
            cpu: Some("256".into()),
            memory: Some("4096".into()),
            ..Default::default()
        };
        assert_eq!(
            check(odd_pair).unwrap_err(),
            "No Fargate configuration exists for given values."
        );
        let reservation = of(ContainerOverride {
            memory_reservation: Some(300),
            ..container("web")
        });
        assert!(
            check(reservation)
                .unwrap_err()
                .contains("memoryReservation")
        );
        let storage = TaskOverride {
            ephemeral_storage: Some(EphemeralStorage {
                size_in_gib: Some(20),
            }),
            ..Default::default()
        };
        assert!(check(storage).unwrap_err().contains("between 21 and 200"));
        let unnamed = of(ContainerOverride {
            environment: Some(vec![KeyValuePair::default()]),
            ..container("web")
        });
        assert!(
            check(unnamed)
                .unwrap_err()
                .contains("names cannot be blank")
        );
    }

    proptest! {
        #[test]
        fn any_override_of_a_known_container_within_bounds_is_taken(
            command in proptest::collection::vec("[a-z]{0,20}", 0..5), cpu in 0..512i32, memory in 6..4096i32,
        ) {
            let overrides = of(ContainerOverride {
                command: Some(command),
                cpu: Some(cpu),
                memory: Some(memory),
                ..container("web")
            });
            prop_assert_eq!(check(overrides.clone()), Ok(overrides));
        }

        #[test]
        fn no_text_panics(cpu in "\\PC{0,8}", memory in "\\PC{0,8}") {
            let _ = check(TaskOverride { cpu: Some(cpu), memory: Some(memory), ..Default::default() });
        }
    }
}
