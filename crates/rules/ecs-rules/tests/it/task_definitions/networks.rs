//! Ports, volumes, dependencies, links.

use api_ecs::types::*;
use ecs_rules::task_definition::normalise;

use crate::support::*;

#[test]
fn ports() {
    let mapped = |network: NetworkMode, mapping: PortMapping| {
        first(mode(plain(), network), |it| {
            it.port_mappings = Some(vec![mapping])
        })
    };
    let (bridge, awsvpc, host) = (NetworkMode::BRIDGE, NetworkMode::AWSVPC, NetworkMode::HOST);
    let range = |text: &str| PortMapping {
        container_port_range: Some(text.into()),
        ..PortMapping::default()
    };
    let named = |name: &str| PortMapping {
        name: Some(name.into()),
        ..port(Some(80), None)
    };
    all_refused(vec![
        (
            mapped(bridge.clone(), port(None, Some(80))),
            "Invalid 'containerPort' setting for container 'app'.",
        ),
        (
            mapped(bridge.clone(), port(Some(0), None)),
            "Invalid 'containerPort' setting for container 'app'.",
        ),
        (
            mapped(bridge.clone(), port(Some(65_536), None)),
            "Invalid 'containerPort' setting for container 'app'.",
        ),
        (
            mapped(bridge.clone(), port(Some(80), Some(-1))),
            "Invalid 'hostPort' setting for container 'app'.",
        ),
        (
            mapped(bridge.clone(), port(Some(80), Some(65_536))),
            "Invalid 'hostPort' setting for container 'app'.",
        ),
        (
            mapped(awsvpc.clone(), port(Some(80), Some(8080))),
            "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
        ),
        (
            mapped(host.clone(), port(Some(80), Some(8080))),
            "When networkMode=host, the host ports and container ports in port mappings must match.",
        ),
        (
            mapped(NetworkMode::NONE, port(Some(80), None)),
            "networkMode=none",
        ),
        (
            mapped(
                bridge.clone(),
                PortMapping {
                    protocol: Some("sctp".into()),
                    ..port(Some(80), None)
                },
            ),
            "'protocol'",
        ),
        (
            mapped(
                bridge.clone(),
                PortMapping {
                    app_protocol: Some("smtp".into()),
                    ..port(Some(80), None)
                },
            ),
            "'appProtocol'",
        ),
        (mapped(bridge.clone(), named("-web")), "'name'"),
        (mapped(bridge.clone(), named("Web")), "'name'"),
        (mapped(bridge.clone(), named(&"a".repeat(65))), "'name'"),
        (mapped(bridge.clone(), range("80")), "'containerPortRange'"),
        (
            mapped(bridge.clone(), range("90-80")),
            "'containerPortRange'",
        ),
        (
            mapped(bridge.clone(), range("1-101")),
            "'containerPortRange'",
        ),
        (mapped(bridge.clone(), range("0-1")), "'containerPortRange'"),
        (mapped(host.clone(), range("80-90")), "'containerPortRange'"),
        (
            mapped(
                bridge.clone(),
                PortMapping {
                    container_port: Some(80),
                    ..range("80-90")
                },
            ),
            "'containerPort'",
        ),
        (
            mapped(
                bridge.clone(),
                PortMapping {
                    host_port: Some(80),
                    ..range("80-90")
                },
            ),
            "'hostPort'",
        ),
        (
            first(mode(plain(), awsvpc.clone()), |it| {
                it.port_mappings = Some(vec![port(Some(80), None), port(Some(80), None)])
            }),
            "The host port 80/tcp is used by more than one port mapping.",
        ),
        (
            first(plain(), |it| {
                it.port_mappings = Some(vec![
                    named("web"),
                    PortMapping {
                        container_port: Some(81),
                        ..named("web")
                    },
                ])
            }),
            "'web' is used more than once",
        ),
    ]);
    all_taken(vec![
        mapped(bridge.clone(), port(Some(80), None)),
        mapped(bridge.clone(), port(Some(80), Some(8080))),
        mapped(bridge.clone(), range("1-100")),
        mapped(awsvpc.clone(), range("8000-8010")),
        mapped(awsvpc.clone(), port(Some(65_535), Some(65_535))),
        mapped(awsvpc.clone(), port(Some(80), Some(0))),
        first(plain(), |it| {
            it.port_mappings = Some(vec![port(Some(80), None), port(Some(80), None)])
        }),
        first(mode(plain(), host), |it| {
            let udp = PortMapping {
                protocol: Some(TransportProtocol::UDP),
                ..port(Some(53), None)
            };
            it.port_mappings = Some(vec![port(Some(53), None), udp]);
        }),
    ]);
    let filled = |network: NetworkMode| {
        let definition = normalise(mapped(network, port(Some(80), None))).unwrap();
        let mapping = definition.container_definitions.unwrap()[0]
            .port_mappings
            .clone()
            .unwrap()[0]
            .clone();
        (mapping.host_port, mapping.protocol.unwrap().to_string())
    };
    assert_eq!(filled(NetworkMode::BRIDGE), (Some(0), "tcp".into()));
    assert_eq!(filled(NetworkMode::AWSVPC), (Some(80), "tcp".into()));
    assert_eq!(filled(NetworkMode::HOST), (Some(80), "tcp".into()));
}

#[test]
fn volumes_and_mounts() {
    let volumes = |volumes: Vec<Volume>| with(plain(), |request| request.volumes = Some(volumes));
    let mounts = |request: Request, mounts: Vec<MountPoint>| {
        first(request, |it| it.mount_points = Some(mounts))
    };
    let from = |source: &str| VolumeFrom {
        source_container: Some(source.into()),
        read_only: None,
    };
    let two = with(plain(), |request| {
        request.container_definitions = Some(vec![container("app"), container("data")])
    });
    all_refused(vec![
        (
            volumes(vec![Volume::default()]),
            "Volume name should not be null or empty.",
        ),
        (
            volumes(vec![volume("a b")]),
            "Volume name contains invalid characters.",
        ),
        (
            volumes(vec![volume("v"), volume("v")]),
            "Duplicate volume name 'v'.",
        ),
        (
            volumes(vec![host_volume("v", " ")]),
            "host.sourcePath should not be blank.",
        ),
        (volumes(vec![host_volume("v", "data")]), "absolute"),
        (
            mounts(plain(), vec![mount("v", "/v")]),
            "Unknown volume 'v'.",
        ),
        (
            mounts(plain(), vec![MountPoint::default()]),
            "Unknown volume 'null'.",
        ),
        (
            mounts(volumes(vec![volume("v")]), vec![mount("v", "")]),
            "containerPath",
        ),
        (
            mounts(
                volumes(vec![volume("v")]),
                vec![mount("v", "/v"), mount("v", "/v")],
            ),
            "Duplicate mount point",
        ),
        (
            first(plain(), |it| it.volumes_from = Some(vec![from("data")])),
            "Unknown container 'data'",
        ),
        (
            first(plain(), |it| it.volumes_from = Some(vec![from("app")])),
            "Unknown container 'app'",
        ),
    ]);
    all_taken(vec![
        mounts(
            volumes(vec![volume("v")]),
            vec![mount("v", "/a"), mount("v", "/b")],
        ),
        mounts(
            volumes(vec![host_volume("v", "/data")]),
            vec![mount("v", "/v")],
        ),
        first(two, |it| it.volumes_from = Some(vec![from("data")])),
    ]);
    let definition = normalise(volumes(vec![volume("v")])).unwrap();
    assert_eq!(
        definition.volumes.unwrap()[0].host,
        Some(HostVolumeProperties::default())
    );
}

#[test]
fn dependencies_and_links() {
    let three = |edges: &[(usize, ContainerDependency)]| {
        with(plain(), |request| {
            let mut containers = vec![container("a"), container("b"), container("c")];
            containers[1].essential = Some(false);
            containers[2].health_check = Some(health(&["CMD-SHELL", "true"]));
            for (from, dependency) in edges {
                containers[*from]
                    .depends_on
                    .get_or_insert_default()
                    .push(dependency.clone());
            }
            request.container_definitions = Some(containers);
        })
    };
    let linked = |network: NetworkMode, links: &[(usize, &str)]| {
        let mut request = mode(three(&[]), network);
        for (from, link) in links {
            let container = &mut request.container_definitions.as_mut().unwrap()[*from];
            container
                .links
                .get_or_insert_default()
                .push(link.to_string());
        }
        request
    };
    let (start, success, complete, healthy) = (
        ContainerCondition::START,
        ContainerCondition::SUCCESS,
        ContainerCondition::COMPLETE,
        ContainerCondition::HEALTHY,
    );
    all_refused(vec![
        (
            three(&[(0, depends("x", start.clone()))]),
            "Cannot depend on container + 'x' because it does not exist",
        ),
        (
            three(&[(0, depends("b", "DONE".into()))]),
            "Unknown condition 'DONE'",
        ),
        (three(&[(0, depends("a", start.clone()))]), "cycle"),
        (
            three(&[
                (0, depends("b", start.clone())),
                (1, depends("a", start.clone())),
            ]),
            "cycle",
        ),
        (
            three(&[
                (0, depends("b", start.clone())),
                (1, depends("c", start.clone())),
                (2, depends("a", start.clone())),
            ]),
            "cycle",
        ),
        (
            three(&[(1, depends("a", success.clone()))]),
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        ),
        (
            three(&[(1, depends("a", complete.clone()))]),
            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        ),
        (three(&[(0, depends("b", healthy.clone()))]), "HEALTHY"),
        (
            linked(NetworkMode::AWSVPC, &[(0, "b")]),
            "Links are not supported when networkMode=awsvpc.",
        ),
        (
            linked(NetworkMode::HOST, &[(0, "b")]),
            "Links are not supported when networkMode=host.",
        ),
        (
            linked(NetworkMode::BRIDGE, &[(0, "x:y")]),
            "Cannot link to container 'x'",
        ),
        (
            linked(NetworkMode::BRIDGE, &[(0, "b:y"), (1, "a")]),
            "Container links should not have a cycle",
        ),
    ]);
    all_taken(vec![
        three(&[
            (0, depends("b", success)),
            (2, depends("b", complete)),
            (0, depends("c", healthy)),
        ]),
        linked(NetworkMode::BRIDGE, &[(0, "b:db"), (0, "c")]),
    ]);
}
