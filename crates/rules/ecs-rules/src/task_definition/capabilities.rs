//! Linux parameters: capabilities, tmpfs, ulimits, kernel parameters.

use api_ecs::types::{ContainerDefinition, UlimitName};

use super::{list, name};
use crate::Refusal;

/// `linuxParameters.capabilities` of the API reference.
const CAPABILITIES: [&str; 38] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// Kernel parameters that belong to a container's own namespaces, which is all that ECS lets one set.
const NAMESPACED_PARAMETERS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

fn is_absolute(path: &str) -> bool {
    path.starts_with('/')
}

pub(super) fn check(container: &ContainerDefinition) -> Result<(), Refusal> {
    let invalid = |field: &str, why: &str| {
        Err(Refusal::client(format!(
            "Invalid '{field}' setting for container '{}'. {why}",
            name(container)
        )))
    };
    if let Some(linux) = &container.linux_parameters {
        let kernel = linux.capabilities.as_ref();
        let named = kernel
            .into_iter()
            .flat_map(|kernel| list(&kernel.add).iter().chain(list(&kernel.drop)));
        for capability in named {
            if !CAPABILITIES.contains(&capability.as_str()) {
                return invalid(
                    "linuxParameters.capabilities",
                    &format!("Unknown capability '{capability}'."),
                );
            }
        }
        if linux.shared_memory_size.is_some_and(|mib| mib < 1) {
            return invalid(
                "linuxParameters.sharedMemorySize",
                "It must be greater than 0.",
            );
        }
        for device in list(&linux.devices) {
            let is_path = |path: &Option<String>| path.as_deref().is_some_and(is_absolute);
            if !is_path(&device.host_path) {
                return invalid(
                    "linuxParameters.devices",
                    "'hostPath' must be an absolute path.",
                );
            }
            if device.container_path.is_some() && !is_path(&device.container_path) {
                return invalid(
                    "linuxParameters.devices",
                    "'containerPath' must be an absolute path.",
                );
            }
        }
        if linux.max_swap.is_some_and(|mib| mib < 0) {
            return invalid("linuxParameters.maxSwap", "It must not be negative.");
        }
        if linux.max_swap.is_some() && container.memory.is_none() {
            return invalid(
                "linuxParameters.maxSwap",
                "It needs the container's 'memory'.",
            );
        }
        if linux
            .swappiness
            .is_some_and(|value| !(0..=100).contains(&value))
        {
            return invalid(
                "linuxParameters.swappiness",
                "It must be between 0 and 100.",
            );
        }
        for tmpfs in list(&linux.tmpfs) {
            if !tmpfs
                .container_path
                .as_deref()
                .is_some_and(|path| path.starts_with('/'))
            {
                return invalid(
                    "linuxParameters.tmpfs",
                    "containerPath must be an absolute path.",
                );
            }
            if tmpfs.size.is_none_or(|mib| mib < 1) {
                return invalid("linuxParameters.tmpfs", "size must be greater than 0.");
            }
        }
    }
    for ulimit in list(&container.ulimits) {
        let limit = ulimit.name.clone().unwrap_or_else(|| "".into());
        if !UlimitName::VALUES.contains(&limit.as_str()) {
            return invalid("ulimits", &format!("Unknown limit '{limit}'."));
        }
        let (Some(soft), Some(hard)) = (ulimit.soft_limit, ulimit.hard_limit) else {
            return invalid("ulimits", "softLimit and hardLimit must be specified.");
        };
        let unlimited = hard == -1;
        if soft < -1 || hard < -1 || (!unlimited && (soft == -1 || soft > hard)) {
            return invalid("ulimits", "softLimit must not be greater than hardLimit.");
        }
    }
    for control in list(&container.system_controls) {
        let parameter = control.namespace.as_deref().unwrap_or_default();
        let namespaced = NAMESPACED_PARAMETERS.contains(&parameter)
            || parameter.starts_with("net.")
            || parameter.starts_with("fs.mqueue.");
        if !namespaced {
            return invalid(
                "systemControls",
                &format!("Unsupported namespace '{parameter}'."),
            );
        }
        if control.value.as_deref().is_none_or(str::is_empty) {
            return invalid("systemControls", "value must be specified.");
        }
    }
    Ok(())
}
