//! CPU and memory: their spellings, the sizes of Fargate, and whether the containers fit in.

use api_ecs::types::{Compatibility, ContainerDefinition, TaskDefinition};

use super::{containers, name};
use crate::Refusal;

const CPU_UNITS_PER_VCPU: f64 = 1024.0;
const MIB_PER_GB: f64 = 1024.0;
/// A task on the user's own instances may ask for this much (0.125 to 192 vCPU).
const EC2_TASK_CPU_UNITS: std::ops::RangeInclusive<i64> = 128..=196_608;
/// Docker's floor for a container.
const LEAST_MEMORY_MIB: i32 = 6;

const INVALID_CPU: &str = "Invalid 'cpu' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
const INVALID_MEMORY: &str = "Invalid 'memory' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";

/// CPU units of `256`, `1 vCPU`, `.5vcpu`.
pub fn parse_cpu(text: &str) -> Option<i64> {
    parse(text, "vcpu", CPU_UNITS_PER_VCPU)
}

/// MiB of `512`, `1GB`, `0.5 GB`.
pub fn parse_memory(text: &str) -> Option<i64> {
    parse(text, "gb", MIB_PER_GB)
}

/// Whether Fargate has a size of that many CPU units with that much memory
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>).
pub fn is_fargate_size(cpu_units: i64, memory_mib: i64) -> bool {
    let gib = |range: std::ops::RangeInclusive<i64>, step: i64| {
        memory_mib % (step * 1024) == 0 && range.contains(&(memory_mib / 1024))
    };
    match cpu_units {
        256 => matches!(memory_mib, 512 | 1024 | 2048),
        512 => gib(1..=4, 1),
        1024 => gib(2..=8, 1),
        2048 => gib(4..=16, 1),
        4096 => gib(8..=30, 1),
        8192 => gib(16..=60, 4),
        16_384 => gib(32..=120, 8),
        32_768 => matches!(memory_mib / 1024, 60 | 120 | 244) && memory_mib % 1024 == 0,
        _ => false,
    }
}

pub(super) fn normalise_cpu(
    cpu: Option<&str>,
    required: &[Compatibility],
) -> Result<Option<String>, Refusal> {
    let Some(text) = given(cpu) else {
        return Ok(None);
    };
    let units = parse_cpu(text).ok_or_else(|| Refusal::client(INVALID_CPU))?;
    let fargate = required.contains(&Compatibility::FARGATE);
    if !fargate && !EC2_TASK_CPU_UNITS.contains(&units) {
        return Err(Refusal::client(INVALID_CPU));
    }
    Ok(Some(units.to_string()))
}

pub(super) fn normalise_memory(memory: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(text) = given(memory) else {
        return Ok(None);
    };
    match parse_memory(text) {
        Some(mib) if mib >= i64::from(LEAST_MEMORY_MIB) => Ok(Some(mib.to_string())),
        _ => Err(Refusal::client(INVALID_MEMORY)),
    }
}

/// The task's own CPU and memory, in units and MiB, when the definition has them.
pub fn of_task(definition: &TaskDefinition) -> (Option<i64>, Option<i64>) {
    (
        definition.cpu.as_deref().and_then(parse_cpu),
        definition.memory.as_deref().and_then(parse_memory),
    )
}

pub(super) fn check_containers_fit(definition: &TaskDefinition) -> Result<(), Refusal> {
    let (task_cpu, task_memory) = of_task(definition);
    for container in containers(definition) {
        check_container(container, task_memory)?;
    }
    let cpu_sum: i64 = containers(definition)
        .iter()
        .map(|container| i64::from(container.cpu.unwrap_or(0)))
        .sum();
    if task_cpu.is_some_and(|task| cpu_sum > task) {
        return Err(Refusal::client(
            "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
        ));
    }
    let memory_sum: i64 = containers(definition).iter().map(reserved_memory).sum();
    if task_memory.is_some_and(|task| memory_sum > task) {
        return Err(Refusal::client(
            "The sum of all container 'memory' values cannot be greater than the value of the task 'memory'.",
        ));
    }
    Ok(())
}

fn check_container(
    container: &ContainerDefinition,
    task_memory: Option<i64>,
) -> Result<(), Refusal> {
    let refuse = |what: &str| {
        Err(Refusal::client(format!(
            "Invalid setting for container '{}'. {what}",
            name(container)
        )))
    };
    if container.cpu.is_some_and(|cpu| cpu < 0) {
        return refuse("'cpu' must not be negative.");
    }
    let (memory, reservation) = (container.memory, container.memory_reservation);
    if memory.is_none() && reservation.is_none() && task_memory.is_none() {
        return refuse("At least one of 'memory' or 'memoryReservation' must be specified.");
    }
    if memory.is_some_and(|memory| memory < LEAST_MEMORY_MIB) {
        return refuse("'memory' must be at least 6 MiB.");
    }
    if reservation.is_some_and(|reservation| reservation < LEAST_MEMORY_MIB) {
        return refuse("'memoryReservation' must be at least 6 MiB.");
    }
    if let (Some(memory), Some(reservation)) = (memory, reservation)
        && memory < reservation
    {
        return refuse("'memory' must be greater than or equal to 'memoryReservation'.");
    }
    let largest = i64::from(memory.or(reservation).unwrap_or(0));
    if task_memory.is_some_and(|task| largest > task) {
        return Err(Refusal::client(
            "The 'memory' setting for container is greater than for the task.",
        ));
    }
    Ok(())
}

/// What placement counts of a container: the reservation, where there is one.
fn reserved_memory(container: &ContainerDefinition) -> i64 {
    i64::from(
        container
            .memory_reservation
            .or(container.memory)
            .unwrap_or(0),
    )
}

/// An empty string is what some tools send for nothing.
fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn parse(text: &str, unit: &str, factor: f64) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let Some(number) = text.strip_suffix(unit) else {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return plain.then(|| text.parse().ok()).flatten();
    };
    let number = number.trim_end();
    let decimal = !number.is_empty()
        && number != "."
        && number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !decimal {
        return None;
    }
    let value = number.parse::<f64>().ok()? * factor;
    (value.fract() == 0.0 && value <= 1e12).then_some(value as i64)
}
