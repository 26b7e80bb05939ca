//! Requests to start from, and what tests say of the answers.

use std::collections::BTreeMap;

use api_ecs::types::*;
use ecs_rules::task_definition::normalise;

pub type Request = RegisterTaskDefinitionRequest;

pub type Container = ContainerDefinition;

pub fn container(name: &str) -> Container {
    Container {
        name: Some(name.into()),
        image: Some("demo:1".into()),
        memory: Some(128),
        ..Container::default()
    }
}

/// Bridge mode, one container, no sizes but the container's memory.
pub fn plain() -> Request {
    Request {
        family: Some("web".into()),
        container_definitions: Some(vec![container("app")]),
        ..Request::default()
    }
}

pub fn fargate() -> Request {
    Request {
        requires_compatibilities: Some(vec![Compatibility::FARGATE]),
        network_mode: Some(NetworkMode::AWSVPC),
        cpu: Some("256".into()),
        memory: Some("512".into()),
        ..plain()
    }
}

pub fn with(mut request: Request, change: impl FnOnce(&mut Request)) -> Request {
    change(&mut request);
    request
}

/// Changes the first container.
pub fn first(request: Request, change: impl FnOnce(&mut Container)) -> Request {
    with(request, |request| {
        change(&mut request.container_definitions.as_mut().unwrap()[0])
    })
}

pub fn mode(request: Request, mode: NetworkMode) -> Request {
    with(request, |request| request.network_mode = Some(mode))
}

pub fn port(container: Option<i32>, host: Option<i32>) -> PortMapping {
    PortMapping {
        container_port: container,
        host_port: host,
        ..PortMapping::default()
    }
}

pub fn depends(on: &str, condition: ContainerCondition) -> ContainerDependency {
    ContainerDependency {
        container_name: Some(on.into()),
        condition: Some(condition),
    }
}

pub fn health(command: &[&str]) -> HealthCheck {
    HealthCheck {
        command: Some(command.iter().map(|word| word.to_string()).collect()),
        ..HealthCheck::default()
    }
}

pub fn awslogs(options: &[(&str, &str)]) -> LogConfiguration {
    let pair = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
    LogConfiguration {
        log_driver: Some(LogDriver::AWSLOGS),
        options: Some(options.iter().map(pair).collect::<BTreeMap<_, _>>()),
        ..LogConfiguration::default()
    }
}

pub const LOG_OPTIONS: [(&str, &str); 3] = [
    ("awslogs-group", "/ecs/web"),
    ("awslogs-region", "us-east-1"),
    ("awslogs-stream-prefix", "ecs"),
];

pub fn volume(name: &str) -> Volume {
    Volume {
        name: Some(name.into()),
        ..Volume::default()
    }
}

pub fn host_volume(name: &str, path: &str) -> Volume {
    Volume {
        host: Some(HostVolumeProperties {
            source_path: Some(path.into()),
        }),
        ..volume(name)
    }
}

pub fn mount(volume: &str, path: &str) -> MountPoint {
    MountPoint {
        source_volume: Some(volume.into()),
        container_path: Some(path.into()),
        ..MountPoint::default()
    }
}

pub fn linux(change: impl FnOnce(&mut LinuxParameters)) -> Option<LinuxParameters> {
    let mut linux = LinuxParameters::default();
    change(&mut linux);
    Some(linux)
}

pub fn refusal(request: Request) -> String {
    match normalise(request) {
        Ok(definition) => panic!("was taken: {definition:?}"),
        Err(refusal) => refusal.message().to_owned(),
    }
}

#[track_caller]
pub fn all_refused(cases: Vec<(Request, &str)>) {
    for (number, (request, expected)) in cases.into_iter().enumerate() {
        let message = refusal(request);
        assert!(
            message.contains(expected),
            "case {number}: {message:?} should contain {expected:?}"
        );
    }
}

#[track_caller]
pub fn all_taken(cases: Vec<Request>) {
    for (number, request) in cases.into_iter().enumerate() {
        if let Err(refusal) = normalise(request) {
            panic!("case {number}: {refusal}");
        }
    }
}
