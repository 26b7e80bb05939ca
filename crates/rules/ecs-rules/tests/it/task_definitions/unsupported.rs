//! What AWS takes and Gantry refuses by name.

use api_ecs::types::*;
use ecs_rules::{
    Refusal,
    task_definition::{CONTAINER_FIELDS, TASK_FIELDS, normalise},
};

use crate::support::*;

#[test]
fn what_gantry_lacks_is_refused_by_name() {
    let secret = || {
        vec![Secret {
            name: Some("A".into()),
            value_from: Some("arn:aws:ssm:…".into()),
        }]
    };
    let cases: Vec<(Request, &str)> = vec![
        (
            with(plain(), |it| {
                it.requires_compatibilities = Some(vec![Compatibility::MANAGED_INSTANCES])
            }),
            "MANAGED_INSTANCES",
        ),
        (
            with(plain(), |it| {
                it.proxy_configuration = Some(ProxyConfiguration::default())
            }),
            "proxyConfiguration",
        ),
        (
            with(plain(), |it| {
                it.inference_accelerators = Some(vec![InferenceAccelerator::default()])
            }),
            "inferenceAccelerators",
        ),
        (
            with(plain(), |it| it.enable_fault_injection = Some(true)),
            "enableFaultInjection",
        ),
        (
            with(plain(), |it| {
                it.trusted_execution_configuration = Some(TrustedExecutionConfiguration::default())
            }),
            "trustedExecutionConfiguration",
        ),
        (
            with(plain(), |it| {
                it.runtime_platform = Some(RuntimePlatform {
                    operating_system_family: Some(OSFamily::WINDOWS_SERVER_2022_CORE),
                    ..RuntimePlatform::default()
                });
            }),
            "operatingSystemFamily",
        ),
        (
            with(plain(), |it| {
                it.volumes = Some(vec![Volume {
                    docker_volume_configuration: Some(DockerVolumeConfiguration::default()),
                    ..volume("v")
                }])
            }),
            "dockerVolumeConfiguration",
        ),
        (
            with(plain(), |it| {
                it.volumes = Some(vec![Volume {
                    efs_volume_configuration: Some(EFSVolumeConfiguration::default()),
                    ..volume("v")
                }])
            }),
            "efsVolumeConfiguration",
        ),
        (
            with(plain(), |it| {
                it.volumes = Some(vec![Volume {
                    s3files_volume_configuration: Some(S3FilesVolumeConfiguration::default()),
                    ..volume("v")
                }])
            }),
            "s3filesVolumeConfiguration",
        ),
        (
            with(plain(), |it| {
                it.volumes = Some(vec![Volume {
                    fsx_windows_file_server_volume_configuration: Some(
                        FSxWindowsFileServerVolumeConfiguration::default(),
                    ),
                    ..volume("v")
                }])
            }),
            "fsxWindows",
        ),
        (
            with(plain(), |it| {
                it.volumes = Some(vec![Volume {
                    configured_at_launch: Some(true),
                    ..volume("v")
                }])
            }),
            "configuredAtLaunch",
        ),
        (
            first(plain(), |it| {
                it.log_configuration = Some(LogConfiguration {
                    secret_options: Some(secret()),
                    ..awslogs(&LOG_OPTIONS)
                })
            }),
            "secretOptions",
        ),
        (
            first(plain(), |it| {
                it.environment_files = Some(vec![EnvironmentFile::default()])
            }),
            "environmentFiles",
        ),
        (
            first(plain(), |it| {
                it.log_configuration = Some(LogConfiguration {
                    log_driver: Some(LogDriver::SPLUNK),
                    ..awslogs(&[])
                })
            }),
            "logDriver",
        ),
        (
            first(plain(), |it| {
                it.firelens_configuration = Some(FirelensConfiguration::default())
            }),
            "firelensConfiguration",
        ),
        (
            first(plain(), |it| it.credential_specs = Some(vec!["x".into()])),
            "credentialSpecs",
        ),
        (
            first(plain(), |it| {
                it.resource_requirements = Some(vec![ResourceRequirement {
                    r#type: Some(ResourceType::GPU),
                    sharing_strategy: Some(SharingStrategy::default()),
                    ..ResourceRequirement::default()
                }])
            }),
            "sharingStrategy",
        ),
        (
            first(plain(), |it| {
                it.resource_requirements = Some(vec![ResourceRequirement {
                    r#type: Some(ResourceType::GPU),
                    value: Some("ALL".into()),
                    ..ResourceRequirement::default()
                }])
            }),
            "resourceRequirements",
        ),
        (
            first(plain(), |it| {
                it.docker_security_options = Some(vec!["label:x".into()])
            }),
            "dockerSecurityOptions",
        ),
    ];
    // A row of the tables that no case here asks for would be a promise nobody checked.
    assert_eq!(cases.len(), TASK_FIELDS.len() + CONTAINER_FIELDS.len());
    for (request, field) in cases {
        let refusal = normalise(request).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::Unsupported(message) if message.contains(field)),
            "{field}: {refusal:?}"
        );
    }
    // What asks for nothing is not in the way: this is what consoles and deploy tools send.
    all_taken(vec![
        first(plain(), |it| {
            it.secrets = Some(vec![]);
            it.environment_files = Some(vec![]);
            it.docker_security_options = Some(vec!["no-new-privileges".into()]);
            it.interactive = Some(true);
            it.disable_networking = Some(true);
            it.pseudo_terminal = Some(true);
            it.version_consistency = Some(VersionConsistency::ENABLED);
            it.resource_requirements = Some(vec![]);
        }),
        with(plain(), |it| {
            it.placement_constraints = Some(vec![]);
            it.inference_accelerators = Some(vec![]);
            it.enable_fault_injection = Some(false);
            it.requires_compatibilities = Some(vec![]);
            it.cpu = Some("".into());
            it.runtime_platform = Some(RuntimePlatform {
                operating_system_family: Some(OSFamily::LINUX),
                cpu_architecture: Some(CPUArchitecture::ARM64),
            });
        }),
    ]);
}
