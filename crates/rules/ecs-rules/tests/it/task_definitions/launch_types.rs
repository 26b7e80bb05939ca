//! What Fargate asks for, and which launch types a definition fits.

use api_ecs::types::*;
use ecs_rules::task_definition::normalise;

use crate::support::*;

#[test]
fn what_fargate_asks_for() {
    let no_prefix = &LOG_OPTIONS[..2];
    all_refused(vec![
        (
            with(fargate(), |request| request.network_mode = None),
            "Fargate only supports network mode ‘awsvpc’.",
        ),
        (
            mode(fargate(), NetworkMode::HOST),
            "Fargate only supports network mode ‘awsvpc’.",
        ),
        (
            with(fargate(), |request| request.cpu = None),
            "Fargate requires that 'cpu' be defined at the task level.",
        ),
        (
            with(fargate(), |request| request.memory = None),
            "Fargate requires that 'memory' be defined at the task level.",
        ),
        (
            with(fargate(), |request| request.memory = Some("513".into())),
            "No Fargate configuration exists for given values.",
        ),
        (
            with(fargate(), |request| request.cpu = Some("300".into())),
            "No Fargate configuration exists for given values.",
        ),
        (
            first(fargate(), |it| it.privileged = Some(true)),
            "privileged",
        ),
        (
            first(fargate(), |it| it.stop_timeout = Some(121)),
            "stopTimeout",
        ),
        (
            first(fargate(), |it| it.start_timeout = Some(121)),
            "startTimeout",
        ),
        (
            first(fargate(), |it| {
                it.linux_parameters = linux(|linux| linux.shared_memory_size = Some(64))
            }),
            "sharedMemorySize",
        ),
        (
            first(fargate(), |it| {
                it.linux_parameters = linux(|linux| linux.devices = Some(vec![Device::default()]))
            }),
            "devices",
        ),
        (
            first(fargate(), |it| {
                it.linux_parameters = linux(|linux| {
                    linux.capabilities = Some(KernelCapabilities {
                        add: Some(vec!["NET_ADMIN".into()]),
                        drop: None,
                    });
                });
            }),
            "NET_ADMIN",
        ),
        (
            first(fargate(), |it| {
                it.memory = Some(64);
                it.linux_parameters = linux(|linux| linux.max_swap = Some(64));
            }),
            "maxSwap",
        ),
        (
            first(fargate(), |it| {
                it.linux_parameters = linux(|linux| linux.swappiness = Some(10))
            }),
            "swappiness",
        ),
        (
            first(fargate(), |it| it.disable_networking = Some(true)),
            "disableNetworking",
        ),
        (
            first(fargate(), |it| {
                it.docker_security_options = Some(vec!["no-new-privileges".into()])
            }),
            "dockerSecurityOptions",
        ),
        (
            with(fargate(), |it| it.pid_mode = Some(PidMode::HOST)),
            "pidMode",
        ),
        (
            with(fargate(), |it| it.ipc_mode = Some(IpcMode::TASK)),
            "ipcMode",
        ),
        (
            with(fargate(), |request| {
                request.volumes = Some(vec![host_volume("v", "/data")])
            }),
            "Fargate compatible task definitions do not support sourcePath",
        ),
        (
            with(fargate(), |request| {
                request.ephemeral_storage = Some(EphemeralStorage {
                    size_in_gib: Some(20),
                })
            }),
            "between 21 and 200",
        ),
        (
            with(fargate(), |request| {
                request.ephemeral_storage = Some(EphemeralStorage {
                    size_in_gib: Some(201),
                })
            }),
            "between 21 and 200",
        ),
        (
            first(fargate(), |it| {
                it.log_configuration = Some(awslogs(no_prefix))
            }),
            "Log driver awslogs requires options: awslogs-stream-prefix",
        ),
    ]);
    all_taken(vec![
        fargate(),
        with(fargate(), |it| it.pid_mode = Some(PidMode::TASK)),
        with(plain(), |it| it.pid_mode = Some(PidMode::HOST)),
        with(plain(), |it| it.ipc_mode = Some(IpcMode::NONE)),
        first(fargate(), |it| {
            it.linux_parameters = linux(|linux| {
                linux.tmpfs = Some(vec![Tmpfs {
                    container_path: Some("/t".into()),
                    size: Some(1),
                    mount_options: None,
                }]);
            });
        }),
        first(fargate(), |it| it.stop_timeout = Some(120)),
        first(fargate(), |it| {
            it.log_configuration = Some(awslogs(&LOG_OPTIONS))
        }),
        with(fargate(), |request| {
            request.ephemeral_storage = Some(EphemeralStorage {
                size_in_gib: Some(21),
            })
        }),
        with(fargate(), |request| {
            request.volumes = Some(vec![volume("scratch")])
        }),
        first(fargate(), |it| {
            it.linux_parameters = linux(|linux| {
                linux.init_process_enabled = Some(true);
                linux.capabilities = Some(KernelCapabilities {
                    add: Some(vec!["SYS_PTRACE".into()]),
                    drop: Some(vec!["ALL".into()]),
                });
            });
        }),
    ]);
}

#[test]
fn launch_types_that_fit() {
    let fitting = |request: Request| {
        let definition = normalise(request).unwrap();
        definition
            .compatibilities
            .unwrap()
            .iter()
            .map(|it| it.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(fitting(plain()), "EXTERNAL EC2");
    assert_eq!(fitting(mode(plain(), NetworkMode::HOST)), "EXTERNAL EC2");
    assert_eq!(fitting(mode(plain(), NetworkMode::AWSVPC)), "EC2");
    assert_eq!(fitting(fargate()), "EC2 FARGATE");
    assert_eq!(
        fitting(with(fargate(), |request| request
            .requires_compatibilities =
            None)),
        "EC2 FARGATE"
    );
    let external = with(plain(), |request| {
        request.requires_compatibilities = Some(vec![Compatibility::EXTERNAL])
    });
    assert_eq!(fitting(external.clone()), "EXTERNAL EC2");
    assert!(refusal(mode(external, NetworkMode::AWSVPC)).starts_with("External only supports"));
}
