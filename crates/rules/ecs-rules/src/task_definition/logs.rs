//! Log drivers and their options
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html>).

use api_ecs::types::{ContainerDefinition, LogDriver};

use super::name;
use crate::Refusal;

const STREAM_PREFIX: &str = "awslogs-stream-prefix";
/// `mode` and `max-buffer-size` bound what a slow log service may cost a container. Gantry ships from a file, which
/// neither blocks the container nor takes memory, so every value of them is kept.
const AWSLOGS_OPTIONS: [&str; 8] = [
    "awslogs-create-group",
    "awslogs-region",
    "awslogs-group",
    STREAM_PREFIX,
    "awslogs-datetime-format",
    "awslogs-multiline-pattern",
    "mode",
    "max-buffer-size",
];

pub(super) fn check(container: &ContainerDefinition) -> Result<(), Refusal> {
    let Some(log) = &container.log_configuration else {
        return Ok(());
    };
    let driver = log.log_driver.clone().unwrap_or_else(|| "".into());
    if !LogDriver::VALUES.contains(&driver.as_str()) {
        return Err(Refusal::client(format!(
            "Unknown log driver '{driver}' for container '{}'.",
            name(container)
        )));
    }
    if driver != LogDriver::AWSLOGS {
        return Ok(());
    }
    let has = |option: &str| option_of(container, option).is_some();
    let missing: Vec<&str> = ["awslogs-region", "awslogs-group"]
        .into_iter()
        .filter(|option| !has(option))
        .collect();
    if !missing.is_empty() {
        return Err(requires(&missing));
    }
    let known = |option: &str| AWSLOGS_OPTIONS.contains(&option);
    let unknown: Vec<&str> = log
        .options
        .iter()
        .flat_map(|options| options.keys())
        .map(String::as_str)
        .filter(|option| !known(option))
        .collect();
    if !unknown.is_empty() {
        return Err(Refusal::client(format!(
            "Log driver awslogs disallows options: {}",
            unknown.join(", ")
        )));
    }
    Ok(())
}

pub(super) fn check_fargate_awslogs(container: &ContainerDefinition) -> Result<(), Refusal> {
    match option_of(container, STREAM_PREFIX) {
        Some(_) => Ok(()),
        None => Err(requires(&[STREAM_PREFIX])),
    }
}

/// An option of the log driver, unless it is empty.
pub(super) fn option_of<'a>(container: &'a ContainerDefinition, option: &str) -> Option<&'a str> {
    let options = container.log_configuration.as_ref()?.options.as_ref()?;
    options
        .get(option)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}

fn requires(missing: &[&str]) -> Refusal {
    Refusal::client(format!(
        "Log driver awslogs requires options: {}",
        missing.join(", ")
    ))
}
