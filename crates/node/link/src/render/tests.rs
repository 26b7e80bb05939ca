//! Golden payloads: what is expected stands here in full.

use std::collections::BTreeMap;

use api_ecs::types::*;
use serde_json::{Value, json};

use super::*;

fn some<T>(value: impl Into<T>) -> Option<T> {
    Some(value.into())
}

fn pair(name: &str, value: &str) -> KeyValuePair {
    KeyValuePair {
        name: some(name),
        value: some(value),
    }
}

static NO_DIGESTS: BTreeMap<String, String> = BTreeMap::new();
static NO_GPUS: BTreeMap<&str, &[String]> = BTreeMap::new();

fn input<'a>(
    definition: &'a TaskDefinition,
    arns: &'a BTreeMap<String, String>,
) -> TaskRenderInput<'a> {
    TaskRenderInput {
        definition,
        overrides: None,
        account: "123456789012",
        region: "us-east-1",
        task_arn: "arn:aws:ecs:us-east-1:123456789012:task/default/0123456789abcdef0123456789abcdef",
        cluster_arn: "arn:aws:ecs:us-east-1:123456789012:cluster/default",
        desired_status: acs::DESIRED_RUNNING,
        launch_type: "FARGATE",
        group: Some("family:web"),
        service_name: None,
        container_arns: arns,
        image_digests: &NO_DIGESTS,
        default_log_mode: None,
        gpu_ids: &NO_GPUS,
        network_interface: None,
    }
}

fn definition(containers: Vec<ContainerDefinition>) -> TaskDefinition {
    TaskDefinition {
        family: some("web"),
        revision: Some(3),
        cpu: some("256"),
        memory: some("512"),
        network_mode: some("awsvpc"),
        container_definitions: Some(containers),
        ..Default::default()
    }
}

fn docker_json(container: &acs::Container) -> (Value, Value) {
    let docker = container.docker_config.as_ref().unwrap();
    let parse = |text: &Option<String>| serde_json::from_str(text.as_deref().unwrap()).unwrap();
    (parse(&docker.config), parse(&docker.host_config))
}

#[test]
fn a_fargate_task_in_full() {
    let web = ContainerDefinition {
        name: some("web"),
        image: some("123456789012.dkr.ecr.us-east-1.amazonaws.com/demo:1"),
        memory_reservation: Some(128),
        port_mappings: Some(vec![PortMapping {
            container_port: Some(8080),
            protocol: some("tcp"),
            ..Default::default()
        }]),
        environment: Some(vec![pair("MODE", "test")]),
        log_configuration: Some(LogConfiguration {
            log_driver: some("awslogs"),
            options: Some(BTreeMap::from([
                ("awslogs-group".to_owned(), "/ecs/web".to_owned()),
                ("awslogs-stream-prefix".to_owned(), "ecs".to_owned()),
            ])),
            ..Default::default()
        }),
        ..Default::default()
    };
    let definition = definition(vec![web]);
    let arn = "arn:aws:ecs:us-east-1:123456789012:container/default/0123/4567";
    let arns = BTreeMap::from([("web".to_owned(), arn.to_owned())]);
    let task = render_task(&TaskRenderInput {
        network_interface: Some(super::NetworkInterface {
            attachment_arn: "arn:aws:ecs:us-east-1:123456789012:attachment/a",
            id: "eni-0a",
            mac_address: "0a:00:ac:1f:00:05",
            private_ipv4: "172.31.0.5",
            subnet_gateway_ipv4: "172.31.0.1/20",
            private_dns_name: None,
            domain_name_servers: &[],
        }),
        ..input(&definition, &arns)
    });
    let expected = json!({
        "arn": "arn:aws:ecs:us-east-1:123456789012:task/default/0123456789abcdef0123456789abcdef",
        "taskClusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/default",
        "taskDefinitionAccountId": "123456789012",
        "family": "web", "version": "3", "desiredStatus": "RUNNING",
        "launchType": "FARGATE", "group": "family:web", "networkMode": "awsvpc",
        "cpu": 0.25, "memory": 512,
        "elasticNetworkInterfaces": [{
            "attachmentArn": "arn:aws:ecs:us-east-1:123456789012:attachment/a",
            "ec2Id": "eni-0a", "index": 0, "interfaceAssociationProtocol": "default",
            "macAddress": "0a:00:ac:1f:00:05",
            "ipv4Addresses": [{"privateAddress": "172.31.0.5", "primary": true}],
            "subnetGatewayIpv4Address": "172.31.0.1/20",
        }],
        "containers": [{
            "name": "web",
            "containerArn": arn,
            "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/demo:1",
            "essential": true,
            "environment": {
                "AWS_DEFAULT_REGION": "us-east-1", "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
                "AWS_REGION": "us-east-1", "MODE": "test",
            },
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            "registryAuthentication": {
                "type": "ecr", "ecrAuthData": {"registryId": "123456789012", "region": "us-east-1"},
            },
            "dockerConfig": {
                "version": "1.21",
                "config": "{}",
                "hostConfig": concat!(
                    r#"{"MemoryReservation":134217728,"LogConfig":{"Type":"awslogs","Config":{"#,
                    r#""awslogs-group":"/ecs/web","awslogs-region":"us-east-1","#,
                    r#""awslogs-stream":"ecs/web/0123456789abcdef0123456789abcdef"}}}"#,
                ),
            },
        }],
    });
    assert_eq!(serde_json::to_value(&task).unwrap(), expected);
}

#[test]
fn overrides_win_and_what_they_do_not_name_stays() {
    let container = |name: &str| ContainerDefinition {
        name: some(name),
        image: some("demo"),
        cpu: Some(64),
        memory: Some(128),
        memory_reservation: Some(64),
        command: Some(vec!["serve".into()]),
        environment: Some(vec![pair("A", "definition"), pair("B", "definition")]),
        ..Default::default()
    };
    let definition = definition(vec![container("web"), container("side")]);
    let overrides = TaskOverride {
        cpu: some("0.5 vCPU"),
        memory: some("1 GB"),
        container_overrides: Some(vec![ContainerOverride {
            name: some("web"),
            command: Some(vec!["once".into()]),
            cpu: Some(128),
            memory: Some(256),
            memory_reservation: Some(192),
            environment: Some(vec![pair("B", "override"), pair("AWS_REGION", "eu-west-1")]),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let arns = BTreeMap::new();
    let task = render_task(&TaskRenderInput {
        overrides: Some(&overrides),
        ..input(&definition, &arns)
    });
    assert_eq!((task.cpu, task.memory), (Some(0.5), Some(1024)));
    let [web, side] = &task.containers[..] else {
        panic!("{task:?}")
    };
    assert_eq!(
        (web.command.join(" "), web.cpu, web.memory),
        ("once".into(), Some(128), Some(256))
    );
    assert_eq!(web.environment["A"], "definition");
    assert_eq!(web.environment["B"], "override");
    assert_eq!(web.environment["AWS_REGION"], "eu-west-1");
    assert_eq!(docker_json(web).1["MemoryReservation"], 192 * 1024 * 1024);
    assert_eq!(
        (side.command.join(" "), side.cpu, side.memory),
        ("serve".into(), Some(64), Some(128))
    );
    assert_eq!(side.environment["B"], "definition");
}

#[test]
fn container_settings_become_docker_json() {
    let container = ContainerDefinition {
        name: some("web"),
        user: some("1000:1000"),
        working_directory: some("/srv"),
        hostname: some("box"),
        health_check: Some(HealthCheck {
            command: Some(vec!["CMD-SHELL".into(), "true".into()]),
            interval: Some(5),
            start_period: Some(10),
            ..Default::default()
        }),
        readonly_root_filesystem: Some(true),
        privileged: Some(false),
        ulimits: Some(vec![Ulimit {
            name: some("nofile"),
            soft_limit: Some(1024),
            hard_limit: Some(4096),
        }]),
        system_controls: Some(vec![SystemControl {
            namespace: some("net.core.somaxconn"),
            value: some("1024"),
        }]),
        dns_servers: Some(vec!["10.0.0.2".into()]),
        extra_hosts: Some(vec![HostEntry {
            hostname: some("db"),
            ip_address: some("10.0.0.9"),
        }]),
        docker_labels: Some(BTreeMap::from([("team".to_owned(), "a".to_owned())])),
        linux_parameters: Some(LinuxParameters {
            capabilities: Some(KernelCapabilities {
                add: Some(vec!["NET_ADMIN".into()]),
                drop: Some(vec!["ALL".into()]),
            }),
            init_process_enabled: Some(true),
            shared_memory_size: Some(64),
            tmpfs: Some(vec![Tmpfs {
                container_path: some("/run"),
                size: Some(16),
                mount_options: Some(vec!["noexec".into()]),
            }]),
            devices: Some(vec![Device {
                host_path: some("/dev/fuse"),
                permissions: Some(vec!["read".into(), "write".into()]),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut definition = definition(vec![container]);
    definition.network_mode = some("host");
    let arns = BTreeMap::new();
    let task = render_task(&TaskRenderInput {
        launch_type: "EC2",
        ..input(&definition, &arns)
    });
    let container = &task.containers[0];
    assert_eq!(container.health_check_type.as_deref(), Some("docker"));
    assert_eq!(container.environment["AWS_EXECUTION_ENV"], "AWS_ECS_EC2");
    let (config, host) = docker_json(container);
    assert_eq!(
        config,
        json!({
            "Hostname": "box", "User": "1000:1000", "WorkingDir": "/srv", "Labels": {"team": "a"},
            "Healthcheck": {
                "Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000_i64, "Timeout": 5_000_000_000_i64,
                "StartPeriod": 10_000_000_000_i64, "Retries": 3,
            },
        })
    );
    assert_eq!(
        host,
        json!({
            "NetworkMode": "host", "CapAdd": ["NET_ADMIN"], "CapDrop": ["ALL"], "ReadonlyRootfs": true,
            "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 4096}],
            "Sysctls": {"net.core.somaxconn": "1024"}, "Tmpfs": {"/run": "size=16m,noexec"},
            "ShmSize": 67_108_864, "Init": true, "Dns": ["10.0.0.2"], "ExtraHosts": ["db:10.0.0.9"],
            "Devices": [{"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rw"}],
        })
    );
}

#[test]
fn volumes_dependencies_and_timeouts() {
    let app = ContainerDefinition {
        name: some("app"),
        essential: Some(true),
        depends_on: Some(vec![ContainerDependency {
            container_name: some("init"),
            condition: some("SUCCESS"),
        }]),
        mount_points: Some(vec![MountPoint {
            source_volume: some("scratch"),
            container_path: some("/data"),
            read_only: Some(true),
        }]),
        stop_timeout: Some(120),
        restart_policy: Some(ContainerRestartPolicy {
            enabled: Some(true),
            ignored_exit_codes: Some(vec![0]),
            restart_attempt_period: Some(60),
        }),
        ..Default::default()
    };
    let init = ContainerDefinition {
        name: some("init"),
        essential: Some(false),
        start_timeout: Some(30),
        ..Default::default()
    };
    let mut definition = definition(vec![app, init]);
    definition.volumes = Some(vec![
        Volume {
            name: some("scratch"),
            ..Default::default()
        },
        Volume {
            name: some("disk"),
            docker_volume_configuration: Some(DockerVolumeConfiguration {
                scope: some("shared"),
                driver: some("local"),
                ..Default::default()
            }),
            ..Default::default()
        },
    ]);
    let arns = BTreeMap::new();
    let task = serde_json::to_value(render_task(&input(&definition, &arns))).unwrap();
    assert_eq!(
        task["volumes"],
        json!([
            {"name": "scratch", "type": "host", "host": {}},
            {"name": "disk", "type": "docker", "dockerVolumeConfiguration": {"scope": "shared", "driver": "local"}},
        ])
    );
    let app = &task["containers"][0];
    assert_eq!(
        app["dependsOn"],
        json!([{"containerName": "init", "condition": "SUCCESS"}])
    );
    assert_eq!(
        app["mountPoints"],
        json!([{"sourceVolume": "scratch", "containerPath": "/data", "readOnly": true}])
    );
    assert_eq!(app["stopTimeout"], 120);
    assert_eq!(
        app["restartPolicy"],
        json!({"enabled": true, "ignoredExitCodes": [0], "restartAttemptPeriod": 60})
    );
    assert_eq!(task["containers"][1]["essential"], false);
    assert_eq!(task["containers"][1]["startTimeout"], 30);
}

#[test]
fn task_sizes_in_all_their_spellings() {
    assert_eq!(cpu_units("256"), Some(256.0));
    assert_eq!(cpu_units(".25 vCPU"), Some(256.0));
    assert_eq!(cpu_units("1vcpu"), Some(1024.0));
    assert_eq!(memory_mib("512"), Some(512));
    assert_eq!(memory_mib("0.5 GB"), Some(512));
    assert_eq!(memory_mib("much"), None);
    assert_eq!(cpu_units("-1"), None);
}

#[test]
fn gpus_are_associations() {
    let definition = definition(vec![ContainerDefinition {
        name: some("train"),
        ..Default::default()
    }]);
    let arns = BTreeMap::new();
    let ids = ["GPU-a".to_owned(), "GPU-b".to_owned()];
    let gpu_ids = BTreeMap::from([("train", &ids[..])]);
    let task = render_task(&TaskRenderInput {
        gpu_ids: &gpu_ids,
        ..input(&definition, &arns)
    });
    let told: Vec<_> = task
        .associations
        .iter()
        .map(|one| {
            (
                one.name.as_deref(),
                one.kind.as_deref(),
                &one.containers[..],
            )
        })
        .collect();
    let of_train = &["train".to_owned()][..];
    assert_eq!(
        told,
        [
            (Some("GPU-a"), Some("gpu"), of_train),
            (Some("GPU-b"), Some("gpu"), of_train)
        ]
    );
}
