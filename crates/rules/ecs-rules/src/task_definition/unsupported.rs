//! What AWS takes and Gantry does not have yet. The table is the check and the documentation at once
//! (`docs/coverage.md` is made of it), so neither can forget what the other says.

use api_ecs::types::{
    Compatibility, ContainerDefinition, LogDriver, OSFamily, RegisterTaskDefinitionRequest, Volume,
};

use super::{list, name};
use crate::{Refusal, gpu};

/// A field that is refused when it asks for something.
pub struct UnsupportedField<T> {
    /// As in the model, lists with `[]`.
    pub path: &'static str,
    pub why: &'static str,
    asks: fn(&T) -> bool,
}

const RUNTIME: &str = "no runtime of Gantry has it";
const NO_NEW_PRIVILEGES: [&str; 3] = [
    "no-new-privileges",
    "no-new-privileges:true",
    "no-new-privileges=true",
];

/// Of the request itself.
// coverage: RegisterTaskDefinition
pub const TASK_FIELDS: &[UnsupportedField<RegisterTaskDefinitionRequest>] = &[
    UnsupportedField {
        path: "requiresCompatibilities: MANAGED_INSTANCES",
        why: "Gantry has no managed instances",
        asks: |request| {
            list(&request.requires_compatibilities).contains(&Compatibility::MANAGED_INSTANCES)
        },
    },
    UnsupportedField {
        path: "proxyConfiguration",
        why: "Gantry has no App Mesh",
        asks: |request| request.proxy_configuration.is_some(),
    },
    UnsupportedField {
        path: "inferenceAccelerators",
        why: "Gantry has no Elastic Inference",
        asks: |request| !list(&request.inference_accelerators).is_empty(),
    },
    UnsupportedField {
        path: "enableFaultInjection",
        why: "Gantry has no Fault Injection Service",
        asks: |request| request.enable_fault_injection == Some(true),
    },
    UnsupportedField {
        path: "trustedExecutionConfiguration",
        why: RUNTIME,
        asks: |request| request.trusted_execution_configuration.is_some(),
    },
    UnsupportedField {
        path: "runtimePlatform.operatingSystemFamily other than LINUX",
        why: "nodes run Linux",
        asks: |request| {
            let family = request
                .runtime_platform
                .as_ref()
                .and_then(|platform| platform.operating_system_family.as_ref());
            family.is_some_and(|family| *family != OSFamily::LINUX)
        },
    },
    UnsupportedField {
        path: "volumes[].dockerVolumeConfiguration",
        why: "no runtime of Gantry has volume drivers",
        asks: |request| {
            any_volume(request, |volume| {
                volume.docker_volume_configuration.is_some()
            })
        },
    },
    UnsupportedField {
        path: "volumes[].efsVolumeConfiguration",
        why: "Gantry has no EFS",
        asks: |request| any_volume(request, |volume| volume.efs_volume_configuration.is_some()),
    },
    UnsupportedField {
        path: "volumes[].s3filesVolumeConfiguration",
        why: "Gantry has no S3 Files",
        asks: |request| {
            any_volume(request, |volume| {
                volume.s3files_volume_configuration.is_some()
            })
        },
    },
    UnsupportedField {
        path: "volumes[].fsxWindowsFileServerVolumeConfiguration",
        why: "Gantry has no FSx",
        asks: |request| {
            any_volume(request, |volume| {
                volume
                    .fsx_windows_file_server_volume_configuration
                    .is_some()
            })
        },
    },
    UnsupportedField {
        path: "volumes[].configuredAtLaunch",
        why: "Gantry has no EBS",
        asks: |request| any_volume(request, |volume| volume.configured_at_launch == Some(true)),
    },
];

/// Of each container definition.
// coverage: RegisterTaskDefinition
pub const CONTAINER_FIELDS: &[UnsupportedField<ContainerDefinition>] = &[
    UnsupportedField {
        path: "containerDefinitions[].logConfiguration.secretOptions",
        why: "awslogs, the only log driver so far, has no secret options",
        asks: |container| {
            container
                .log_configuration
                .as_ref()
                .is_some_and(|log| !list(&log.secret_options).is_empty())
        },
    },
    UnsupportedField {
        path: "containerDefinitions[].environmentFiles",
        why: "Gantry does not read from S3",
        asks: |container| !list(&container.environment_files).is_empty(),
    },
    UnsupportedField {
        path: "containerDefinitions[].logConfiguration.logDriver other than awslogs",
        why: "lines go to Gantry's CloudWatch Logs",
        asks: |container| {
            let log = container.log_configuration.as_ref();
            let driver = log.and_then(|log| log.log_driver.as_ref());
            // What is no log driver at all is refused as AWS does.
            driver.is_some_and(|driver| {
                *driver != LogDriver::AWSLOGS && LogDriver::VALUES.contains(&driver.as_str())
            })
        },
    },
    UnsupportedField {
        path: "containerDefinitions[].firelensConfiguration",
        why: "Gantry has no FireLens",
        asks: |container| container.firelens_configuration.is_some(),
    },
    UnsupportedField {
        path: "containerDefinitions[].credentialSpecs",
        why: "Gantry has no Active Directory credentials",
        asks: |container| !list(&container.credential_specs).is_empty(),
    },
    UnsupportedField {
        path: "containerDefinitions[].resourceRequirements[].sharingStrategy",
        why: "Gantry has no NVIDIA MPS",
        asks: |container| {
            let mut requirements = list(&container.resource_requirements).iter();
            requirements.any(|requirement| requirement.sharing_strategy.is_some())
        },
    },
    UnsupportedField {
        path: "containerDefinitions[].resourceRequirements other than a number of GPUs",
        why: "Gantry gives whole GPUs, by number",
        asks: |container| {
            let mut requirements = list(&container.resource_requirements).iter();
            requirements.any(gpu::is_unsupported)
        },
    },
    UnsupportedField {
        path: "containerDefinitions[].dockerSecurityOptions other than no-new-privileges",
        why: RUNTIME,
        asks: |container| {
            list(&container.docker_security_options)
                .iter()
                .any(|option| !NO_NEW_PRIVILEGES.contains(&option.as_str()))
        },
    },
];

pub(super) fn check(request: &RegisterTaskDefinitionRequest) -> Result<(), Refusal> {
    if let Some(field) = TASK_FIELDS.iter().find(|field| (field.asks)(request)) {
        return Err(Refusal::unsupported_field(field.path, field.why));
    }
    for container in list(&request.container_definitions) {
        if let Some(field) = CONTAINER_FIELDS
            .iter()
            .find(|field| (field.asks)(container))
        {
            let path = format!("{} (container '{}')", field.path, name(container));
            return Err(Refusal::unsupported_field(&path, field.why));
        }
    }
    Ok(())
}

fn any_volume(request: &RegisterTaskDefinitionRequest, asks: fn(&Volume) -> bool) -> bool {
    list(&request.volumes).iter().any(asks)
}
