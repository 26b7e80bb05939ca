//! `pidMode` and `ipcMode`: what containers share with their task or with the host.

use api_ecs::types::{ContainerDefinition, IpcMode, PidMode, TaskDefinition};

use super::{containers, list, name};
use crate::Refusal;

pub(super) fn check(definition: &TaskDefinition) -> Result<(), Refusal> {
    let modes = [
        (
            "pidMode",
            definition.pid_mode.as_ref().map(PidMode::as_str),
            PidMode::VALUES,
        ),
        (
            "ipcMode",
            definition.ipc_mode.as_ref().map(IpcMode::as_str),
            IpcMode::VALUES,
        ),
    ];
    for (field, mode, known) in modes {
        if let Some(mode) = mode
            && !known.contains(&mode)
        {
            return Err(Refusal::client(format!(
                "Invalid '{field}' setting for task. Unknown value '{mode}'. Allowed values are: {}.",
                known.join(", ")
            )));
        }
    }
    let shares_ipc = matches!(
        &definition.ipc_mode,
        Some(mode) if *mode == IpcMode::HOST || *mode == IpcMode::TASK
    );
    containers(definition)
        .iter()
        .filter(|_| shares_ipc)
        .try_for_each(|container| check_ipc_parameters(definition, container))
}

/// With `host` they are not a container's to set; with `task` they would be every container's.
fn check_ipc_parameters(
    definition: &TaskDefinition,
    container: &ContainerDefinition,
) -> Result<(), Refusal> {
    let mode = definition
        .ipc_mode
        .as_ref()
        .map_or("none", |mode| mode.as_str());
    let of_ipc = |parameter: &str| {
        parameter.starts_with("fs.mqueue.")
            || parameter.starts_with("kernel.msg")
            || parameter.starts_with("kernel.sem")
            || parameter.starts_with("kernel.shm")
    };
    let found = list(&container.system_controls)
        .iter()
        .find_map(|control| control.namespace.as_deref().filter(|name| of_ipc(name)));
    match found {
        Some(parameter) if mode == IpcMode::HOST.as_str() => Err(Refusal::client(format!(
            "Invalid 'systemControls' setting for container '{}'. '{parameter}' is not supported when ipcMode={mode}.",
            name(container)
        ))),
        _ => Ok(()),
    }
}
