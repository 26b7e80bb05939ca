//! What holds for any request.

use api_ecs::types::*;
use ecs_rules::task_definition::{normalise, size};
use proptest::prelude::*;

use crate::support::{Container, *};

/// As a deploy tool does: describe, register again.
fn back(definition: TaskDefinition) -> Request {
    Request {
        family: definition.family,
        container_definitions: definition.container_definitions,
        volumes: definition.volumes,
        cpu: definition.cpu,
        memory: definition.memory,
        network_mode: definition.network_mode,
        requires_compatibilities: definition.requires_compatibilities,
        placement_constraints: definition.placement_constraints,
        task_role_arn: definition.task_role_arn,
        execution_role_arn: definition.execution_role_arn,
        ephemeral_storage: definition.ephemeral_storage,
        runtime_platform: definition.runtime_platform,
        enable_fault_injection: definition.enable_fault_injection,
        ..Request::default()
    }
}

/// Mostly what AWS takes, now and then what it does not.
fn any_container(number: usize) -> impl Strategy<Value = Container> {
    let ports =
        proptest::collection::vec((1..9i32, proptest::option::weighted(0.2, 0..9i32)), 0..2);
    let essential = if number == 0 {
        Just(None).boxed()
    } else {
        proptest::option::of(any::<bool>()).boxed()
    };
    // Conditions in the model's order; START is always possible.
    let dependencies = proptest::collection::vec(
        (
            0..number.max(1),
            prop_oneof![8 => Just(0usize), 1 => 0..4usize],
        ),
        0..2,
    );
    let dependencies = if number == 0 {
        Just(vec![]).boxed()
    } else {
        dependencies.boxed()
    };
    (
        proptest::option::weighted(0.7, 100..160i32),
        proptest::option::of(20..110i32),
        proptest::option::of(0..80i32),
        essential,
        ports,
        dependencies,
        proptest::option::of((4..301i32, 2..62i32)),
        proptest::option::of("[A-Za-z]{1,3}=?"),
    )
        .prop_map(
            move |(memory, reservation, cpu, essential, ports, dependencies, check, variable)| {
                Container {
                    memory,
                    memory_reservation: reservation,
                    cpu,
                    essential,
                    port_mappings: Some(
                        ports
                            .into_iter()
                            .map(|(inside, outside)| {
                                port(Some(inside + 10 * number as i32), outside)
                            })
                            .collect(),
                    ),
                    depends_on: Some(
                        dependencies
                            .into_iter()
                            .map(|(on, condition)| depends_on(on, condition))
                            .collect(),
                    ),
                    health_check: check.map(|(interval, timeout)| HealthCheck {
                        interval: Some(interval),
                        timeout: Some(timeout),
                        ..health(&["CMD", "true"])
                    }),
                    environment: variable.map(|name| {
                        vec![KeyValuePair {
                            name: Some(name),
                            value: None,
                        }]
                    }),
                    ..container(&format!("c{number}"))
                }
            },
        )
}

fn depends_on(on: usize, condition: usize) -> ContainerDependency {
    depends(
        &format!("c{on}"),
        ContainerCondition::VALUES[condition].into(),
    )
}

fn any_request() -> impl Strategy<Value = Request> {
    let containers =
        (1..4usize).prop_flat_map(|count| (0..count).map(any_container).collect::<Vec<_>>());
    let sizes = prop_oneof![
        (Just(None), Just(None)),
        (Just(Some("256")), Just(Some("1 GB"))),
        (Just(Some("0.5 vCPU")), Just(Some("1024"))),
        (Just(Some("")), Just(Some("8GB"))),
    ];
    let modes = proptest::option::of(0..NetworkMode::VALUES.len());
    (containers, sizes, modes, any::<bool>()).prop_map(
        |(containers, (cpu, memory), mode, is_fargate)| {
            let mode = mode.map(|index| NetworkMode::from(NetworkMode::VALUES[index]));
            let is_fargate = is_fargate && mode == Some(NetworkMode::AWSVPC);
            Request {
                container_definitions: Some(containers),
                cpu: cpu.map(Into::into),
                memory: memory.map(Into::into),
                network_mode: mode,
                requires_compatibilities: is_fargate.then(|| vec![Compatibility::FARGATE]),
                ..plain()
            }
        },
    )
}

/// A deliberately simple walk: from every container, follow dependencies for as many steps as there are containers.
fn has_circle(edges: &[Vec<usize>]) -> bool {
    (0..edges.len()).any(|start| {
        let mut reached = edges[start].clone();
        for _ in 0..edges.len() {
            let next: Vec<usize> = reached
                .iter()
                .flat_map(|node| edges[*node].clone())
                .collect();
            reached.extend(next);
            reached.sort_unstable();
            reached.dedup();
        }
        reached.contains(&start)
    })
}

/// The properties below say nothing if nearly everything is refused.
#[test]
fn a_fair_part_of_any_request_is_taken() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let taken = (0..1000)
        .filter(|_| normalise(any_request().new_tree(&mut runner).unwrap().current()).is_ok())
        .count();
    assert!((50..950).contains(&taken), "{taken} of 1000");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Describing and registering again changes nothing, whatever was registered.
    #[test]
    fn what_was_taken_is_taken_again_unchanged(request in any_request()) {
        if let Ok(definition) = normalise(request) {
            prop_assert_eq!(normalise(back(definition.clone())), Ok(definition));
        }
    }

    #[test]
    fn what_was_taken_keeps_the_promises(request in any_request()) {
        if let Ok(definition) = normalise(request) {
            let containers = definition.container_definitions.as_deref().unwrap();
            prop_assert!(containers.iter().any(|container| container.essential == Some(true)));
            let compatibilities = definition.compatibilities.as_deref().unwrap();
            for required in definition.requires_compatibilities.iter().flatten() {
                prop_assert!(compatibilities.contains(required));
            }
            let (cpu, memory) = size::of_task(&definition);
            if compatibilities.contains(&Compatibility::FARGATE) {
                prop_assert!(size::is_fargate_size(cpu.unwrap(), memory.unwrap()));
                prop_assert_eq!(definition.network_mode.as_ref(), Some(&NetworkMode::AWSVPC));
            }
            for mapping in containers.iter().flat_map(|container| container.port_mappings.iter().flatten()) {
                prop_assert!(mapping.host_port.is_some() && mapping.protocol.is_some());
            }
            let names: Vec<_> = definition.requires_attributes.unwrap().into_iter().map(|it| it.name.unwrap()).collect();
            prop_assert!(names.is_sorted_by(|left, right| left < right));
        }
    }

    #[test]
    fn circles_are_refused_and_nothing_else(
        edges in (1..6usize).prop_flat_map(|count| proptest::collection::vec(proptest::collection::vec(0..count, 0..3), count))
    ) {
        let mut request = plain();
        request.container_definitions = Some(
            edges
                .iter()
                .enumerate()
                .map(|(number, others)| Container {
                    depends_on: Some(
                        others.iter().map(|other| depends(&format!("c{other}"), ContainerCondition::START)).collect(),
                    ),
                    ..container(&format!("c{number}"))
                })
                .collect(),
        );
        prop_assert_eq!(normalise(request).is_err(), has_circle(&edges));
    }

    #[test]
    fn sizes_read_back(units in 0..1_000_000i64, quarters in 0..4000i64) {
        prop_assert_eq!(size::parse_cpu(&units.to_string()), Some(units));
        prop_assert_eq!(size::parse_cpu(&format!("{} vCPU", quarters as f64 / 4.0)), Some(quarters * 256));
        prop_assert_eq!(size::parse_memory(&format!("{}GB", quarters as f64 / 4.0)), Some(quarters * 256));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,20}") {
        let _ = (size::parse_cpu(&text), size::parse_memory(&text));
        let _ = normalise(with(plain(), |request| request.family = Some(text.clone())));
        let _ = normalise(with(fargate(), |request| (request.cpu, request.memory) = (Some(text.clone()), Some(text.clone()))));
        let _ = normalise(first(plain(), |it| it.name = Some(text.clone())));
        let _ = normalise(first(plain(), |it| it.port_mappings = Some(vec![PortMapping { container_port_range: Some(text.clone()), ..PortMapping::default() }])));
        let _ = normalise(first(plain(), |it| it.health_check = Some(health(&[&text, &text]))));
        let _ = normalise(first(plain(), |it| it.links = Some(vec![text.clone()])));
    }
}
