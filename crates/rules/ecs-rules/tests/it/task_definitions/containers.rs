//! Families, lists of containers, and the settings of one.

use api_ecs::types::*;
use ecs_rules::task_definition::normalise;

use crate::support::*;

#[test]
fn families_and_lists_of_containers() {
    let containers = |names: &[&str]| {
        with(plain(), |request| {
            request.container_definitions =
                Some(names.iter().map(|name| container(name)).collect());
        })
    };
    let eleven: Vec<String> = (0..11).map(|number| format!("c{number}")).collect();
    let eleven: Vec<&str> = eleven.iter().map(String::as_str).collect();
    all_refused(vec![
        (
            with(plain(), |request| request.family = None),
            "Family should not be null or empty.",
        ),
        (
            with(plain(), |request| request.family = Some("".into())),
            "Family should not be null or empty.",
        ),
        (
            with(plain(), |request| request.family = Some("a b".into())),
            "Family contains invalid characters.",
        ),
        (
            with(plain(), |request| request.family = Some("a/b".into())),
            "Family contains invalid characters.",
        ),
        (
            with(plain(), |request| request.family = Some("é".into())),
            "Family contains invalid characters.",
        ),
        (
            with(plain(), |request| request.family = Some("a".repeat(256))),
            "255",
        ),
        (
            with(plain(), |request| request.container_definitions = None),
            "Container list cannot be empty.",
        ),
        (containers(&[]), "Container list cannot be empty."),
        (
            containers(&[""]),
            "Container.name should not be null or empty.",
        ),
        (
            containers(&["a.b"]),
            "Container.name contains invalid characters.",
        ),
        (containers(&["a", "b", "a"]), "unique"),
        (containers(&eleven), "up to 10 containers"),
        (
            first(plain(), |container| container.name = None),
            "Container.name should not be null or empty.",
        ),
        (
            first(plain(), |container| container.image = None),
            "Container.image should not be null or empty.",
        ),
        (
            first(plain(), |container| container.image = Some("".into())),
            "Container.image should not be null or empty.",
        ),
        (
            first(plain(), |container| container.image = Some("a b".into())),
            "Container.image contains invalid characters.",
        ),
        (
            first(plain(), |container| container.essential = Some(false)),
            "essential",
        ),
        (
            with(plain(), |request| {
                request.network_mode = Some("overlay".into())
            }),
            "network mode",
        ),
        (
            with(plain(), |request| {
                request.requires_compatibilities = Some(vec!["LAMBDA".into()])
            }),
            "requiresCompatibilities",
        ),
    ]);
    all_taken(vec![
        containers(&["a"]),
        containers(&eleven[..10]),
        first(plain(), |container| {
            container.image = Some(format!(
                "123456789012.dkr.ecr.us-east-1.amazonaws.com/a_b/c-d@sha256:{}",
                "0".repeat(64)
            ));
        }),
        with(plain(), |request| request.family = Some("A-z_09".into())),
        with(plain(), |request| request.family = Some("a".repeat(255))),
    ]);
}

#[test]
fn health_checks() {
    let checked = |check: HealthCheck| first(plain(), |it| it.health_check = Some(check));
    let shell = || health(&["CMD-SHELL", "curl -f http://localhost/ || exit 1"]);
    all_refused(vec![
        (checked(HealthCheck::default()), "must not be empty"),
        (checked(health(&["curl", "localhost"])), "CMD"),
        (checked(health(&["NONE"])), "CMD"),
        (checked(health(&["CMD"])), "CMD"),
        (checked(health(&["CMD-SHELL"])), "CMD"),
        (
            checked(HealthCheck {
                interval: Some(4),
                ..shell()
            }),
            "interval",
        ),
        (
            checked(HealthCheck {
                interval: Some(301),
                ..shell()
            }),
            "interval",
        ),
        (
            checked(HealthCheck {
                timeout: Some(1),
                ..shell()
            }),
            "timeout",
        ),
        (
            checked(HealthCheck {
                timeout: Some(61),
                ..shell()
            }),
            "timeout",
        ),
        (
            checked(HealthCheck {
                retries: Some(0),
                ..shell()
            }),
            "retries",
        ),
        (
            checked(HealthCheck {
                retries: Some(11),
                ..shell()
            }),
            "retries",
        ),
        (
            checked(HealthCheck {
                start_period: Some(-1),
                ..shell()
            }),
            "startPeriod",
        ),
        (
            checked(HealthCheck {
                start_period: Some(301),
                ..shell()
            }),
            "startPeriod",
        ),
    ]);
    all_taken(vec![
        checked(shell()),
        checked(health(&["CMD", "/healthy"])),
        checked(HealthCheck {
            interval: Some(5),
            timeout: Some(2),
            retries: Some(1),
            start_period: Some(0),
            ..shell()
        }),
        checked(HealthCheck {
            interval: Some(300),
            timeout: Some(60),
            retries: Some(10),
            start_period: Some(300),
            ..shell()
        }),
    ]);
    let definition = normalise(checked(shell())).unwrap();
    let filled = definition.container_definitions.unwrap()[0]
        .health_check
        .clone()
        .unwrap();
    assert_eq!(
        (
            filled.interval,
            filled.timeout,
            filled.retries,
            filled.start_period
        ),
        (Some(30), Some(5), Some(3), None)
    );
}

#[test]
fn other_settings_of_containers() {
    let environment = |name: &str| {
        first(plain(), |it| {
            it.environment = Some(vec![KeyValuePair {
                name: Some(name.into()),
                value: Some("1".into()),
            }]);
        })
    };
    let limit = |name: UlimitName, soft: i32, hard: i32| {
        first(plain(), |it| {
            it.ulimits = Some(vec![Ulimit {
                name: Some(name),
                soft_limit: Some(soft),
                hard_limit: Some(hard),
            }]);
        })
    };
    let control = |namespace: &str, value: &str| {
        first(plain(), |it| {
            it.system_controls = Some(vec![SystemControl {
                namespace: Some(namespace.into()),
                value: Some(value.into()),
            }]);
        })
    };
    let restart = |enabled, period, codes: usize| {
        first(plain(), |it| {
            it.restart_policy = Some(ContainerRestartPolicy {
                enabled,
                restart_attempt_period: period,
                ignored_exit_codes: Some(vec![0; codes]),
            });
        })
    };
    let hosts = |name: &str, address: &str| {
        vec![HostEntry {
            hostname: Some(name.into()),
            ip_address: Some(address.into()),
        }]
    };
    let capability = |name: &str| {
        first(plain(), |it| {
            it.linux_parameters = linux(|linux| {
                linux.capabilities = Some(KernelCapabilities {
                    add: None,
                    drop: Some(vec![name.into()]),
                });
            });
        })
    };
    let logs = |options: &[(&str, &str)]| {
        first(plain(), |it| it.log_configuration = Some(awslogs(options)))
    };
    let extra = [&LOG_OPTIONS[..], &[("awslogs-colour", "blue")]].concat();
    all_refused(vec![
        (environment(""), "Environment variable names"),
        (environment("A=B"), "Environment variable names"),
        (limit("files".into(), 1, 2), "Unknown limit 'files'"),
        (limit(UlimitName::NOFILE, 3, 2), "softLimit"),
        (limit(UlimitName::NOFILE, -1, 2), "softLimit"),
        (control("vm.swappiness", "1"), "vm.swappiness"),
        (control("net.core.somaxconn", ""), "value"),
        (restart(None, None, 0), "restartPolicy.enabled"),
        (restart(Some(true), Some(59), 0), "between 60 and 1800"),
        (restart(Some(true), Some(1801), 0), "between 60 and 1800"),
        (restart(Some(true), None, 51), "50"),
        (
            first(plain(), |it| it.stop_timeout = Some(-1)),
            "stopTimeout",
        ),
        (
            first(mode(plain(), NetworkMode::AWSVPC), |it| {
                it.hostname = Some("h".into())
            }),
            "hostname is not supported on container when networkMode=awsvpc.",
        ),
        (
            first(mode(plain(), NetworkMode::AWSVPC), |it| {
                it.extra_hosts = Some(hosts("h", "10.0.0.1"))
            }),
            "extraHosts is not supported on container when networkMode=awsvpc.",
        ),
        (
            first(plain(), |it| it.extra_hosts = Some(hosts("h", "localhost"))),
            "extraHosts",
        ),
        (
            first(plain(), |it| it.dns_servers = Some(vec!["dns".into()])),
            "dnsServers",
        ),
        (capability("FLY"), "Unknown capability 'FLY'"),
        (
            first(plain(), |it| {
                it.linux_parameters = linux(|linux| linux.shared_memory_size = Some(0))
            }),
            "sharedMemorySize",
        ),
        (
            first(plain(), |it| {
                it.linux_parameters = linux(|linux| linux.devices = Some(vec![Device::default()]))
            }),
            "'hostPath' must be an absolute path",
        ),
        (
            first(plain(), |it| {
                it.memory = None;
                it.memory_reservation = Some(64);
                it.linux_parameters = linux(|linux| linux.max_swap = Some(1));
            }),
            "maxSwap",
        ),
        (
            first(plain(), |it| {
                it.linux_parameters = linux(|linux| linux.swappiness = Some(101))
            }),
            "swappiness",
        ),
        (
            first(plain(), |it| {
                it.log_configuration = Some(LogConfiguration::default())
            }),
            "log driver",
        ),
        (
            logs(&[]),
            "Log driver awslogs requires options: awslogs-region, awslogs-group",
        ),
        (
            logs(&LOG_OPTIONS[..1]),
            "Log driver awslogs requires options: awslogs-region",
        ),
        (
            logs(&extra),
            "Log driver awslogs disallows options: awslogs-colour",
        ),
    ]);
    all_taken(vec![
        environment("PATH"),
        limit(UlimitName::NOFILE, 1024, 1024),
        limit(UlimitName::MEMLOCK, -1, -1),
        limit(UlimitName::MEMLOCK, 1, -1),
        control("net.core.somaxconn", "1024"),
        control("fs.mqueue.msg_max", "10"),
        restart(Some(true), Some(60), 50),
        restart(Some(false), None, 0),
        first(plain(), |it| it.hostname = Some("h".into())),
        first(plain(), |it| it.extra_hosts = Some(hosts("h", "10.0.0.1"))),
        capability("ALL"),
        logs(&LOG_OPTIONS),
        logs(
            &[
                &LOG_OPTIONS[..],
                &[
                    ("awslogs-create-group", "true"),
                    ("mode", "non-blocking"),
                    ("max-buffer-size", "4m"),
                ],
            ]
            .concat(),
        ),
    ]);
}
