use proptest::prelude::{Strategy as _, any, prop_assert, prop_assert_eq, proptest};

use super::*;

#[derive(Debug, Clone)]
struct TestNode {
    id: String,
    standing: Standing,
    cpu: i64,
    memory: i64,
    zone: &'static str,
    ports: Vec<u16>,
    group_tasks: usize,
    other_tasks: usize,
}

impl Node for TestNode {
    fn id(&self) -> &str {
        &self.id
    }
    fn standing(&self) -> Standing {
        self.standing
    }
    fn cpu_units_free(&self) -> i64 {
        self.cpu
    }
    fn memory_mib_free(&self) -> i64 {
        self.memory
    }
    fn attribute(&self, name: &str) -> Option<&str> {
        (name == "ecs.availability-zone").then_some(self.zone)
    }
    fn is_port_taken(&self, port: u16, _protocol: &str) -> bool {
        self.ports.contains(&port)
    }
    fn tasks(&self) -> usize {
        self.group_tasks + self.other_tasks
    }
    fn tasks_of_group(&self, group: &str) -> usize {
        if group == "g" { self.group_tasks } else { 0 }
    }
}

fn node(id: &str) -> TestNode {
    TestNode {
        id: id.into(),
        standing: Standing::Ready,
        cpu: 1024,
        memory: 2048,
        zone: "a",
        ports: vec![],
        group_tasks: 0,
        other_tasks: 0,
    }
}

fn need() -> Need<'static> {
    Need {
        cpu_units: 256,
        memory_mib: 512,
        group: "g",
        ..Need::default()
    }
}

#[test]
fn reasons_are_counted_and_the_nearest_miss_is_named() {
    let nodes = [
        TestNode {
            standing: Standing::Disconnected,
            ..node("n1")
        },
        TestNode {
            memory: 500,
            ..node("n2")
        },
        TestNode {
            cpu: 100,
            ..node("n3")
        },
        TestNode {
            cpu: 200,
            ..node("n4")
        },
    ];
    let decision = place(&nodes, &need(), &[], 0);
    assert_eq!(decision.chosen, None);
    let refused: Vec<_> = decision.explanation.refused.into_iter().collect();
    assert_eq!(
        refused,
        [(Filter::Agent, 1), (Filter::Memory, 1), (Filter::Cpu, 2)]
    );
    let nearest = decision.explanation.nearest_miss.unwrap();
    assert_eq!((nearest.node.as_str(), nearest.lacking), ("n4", 56));
    assert_eq!(refusal(&nodes[1], &need()), Some(Filter::Memory));
}

#[test]
fn ports_attributes_and_distinct_instances_bind() {
    let ports = [(80, "tcp".to_owned())];
    let with_port = Need {
        host_ports: &ports,
        ..need()
    };
    let taken = TestNode {
        ports: vec![80],
        ..node("n1")
    };
    assert_eq!(refusal(&taken, &with_port), Some(Filter::Ports));
    let wanting = |name, value| Need {
        attributes: vec![RequiredAttribute { name, value }],
        ..need()
    };
    assert_eq!(
        refusal(&node("n1"), &wanting("gpu", None)),
        Some(Filter::Attribute)
    );
    assert_eq!(
        refusal(&node("n1"), &wanting("ecs.availability-zone", Some("b"))),
        Some(Filter::Attribute)
    );
    assert_eq!(
        refusal(&node("n1"), &wanting("ecs.availability-zone", None)),
        None
    );
    let distinct = Need {
        distinct_instance: true,
        ..need()
    };
    let used = TestNode {
        group_tasks: 1,
        ..node("n1")
    };
    assert_eq!(refusal(&used, &distinct), Some(Filter::DistinctInstance));
}

#[test]
fn the_default_spreads_over_zones_first() {
    let nodes = [
        TestNode {
            group_tasks: 1,
            ..node("a1")
        },
        node("a2"),
        TestNode {
            zone: "b",
            other_tasks: 9,
            ..node("b1")
        },
    ];
    let decision = place(&nodes, &need(), &Strategy::default_list(), 0);
    assert_eq!(
        decision.chosen,
        Some(2),
        "zone b has no task of the group, however busy it is"
    );
}

#[test]
fn binpack_takes_the_least_that_fits() {
    let nodes = [
        TestNode {
            memory: 2000,
            ..node("n1")
        },
        TestNode {
            memory: 600,
            ..node("n2")
        },
        TestNode {
            memory: 100,
            ..node("n3")
        },
    ];
    let decision = place(&nodes, &need(), &[Strategy::Binpack(Resource::Memory)], 0);
    assert_eq!(decision.chosen, Some(1));
}

fn any_node() -> impl proptest::strategy::Strategy<Value = TestNode> {
    (
        0..4u8,
        0..2000i64,
        0..2000i64,
        0..3usize,
        0..4usize,
        0..5usize,
    )
        .prop_map(
            |(standing, cpu, memory, zone, group_tasks, other_tasks)| TestNode {
                standing: [
                    Standing::Ready,
                    Standing::Ready,
                    Standing::Draining,
                    Standing::Disconnected,
                ][usize::from(standing)],
                cpu,
                memory,
                zone: ["a", "b", "c"][zone],
                group_tasks,
                other_tasks,
                ..node("")
            },
        )
}

proptest! {
    #[test]
    fn what_is_chosen_fits_and_every_node_is_accounted_for(
        mut nodes in proptest::collection::vec(any_node(), 0..20), which in 0..5usize, draw in any::<u64>(),
    ) {
        for (number, node) in nodes.iter_mut().enumerate() {
            node.id = format!("n{number:02}");
        }
        let strategies: Vec<Strategy> = match which {
            0 => vec![],
            1 => vec![Strategy::Random],
            2 => vec![Strategy::Binpack(Resource::Cpu)],
            3 => vec![Strategy::Spread(SpreadOver::Instance), Strategy::Random],
            _ => Strategy::default_list(),
        };
        let decision = place(&nodes, &need(), &strategies, draw);
        let refused: u32 = decision.explanation.refused.values().sum();
        prop_assert_eq!(refused + decision.explanation.fitting, nodes.len() as u32);
        prop_assert_eq!(decision.chosen.is_some(), decision.explanation.fitting > 0);
        prop_assert_eq!(decision.explanation.nearest_miss.is_some(), refused > 0);
        if let Some(chosen) = decision.chosen {
            prop_assert_eq!(refusal(&nodes[chosen], &need()), None);
        }
    }

    #[test]
    fn spreading_keeps_zones_within_one(count in 1..40usize) {
        let mut nodes = vec![];
        for (number, zone) in ["a", "a", "b", "c", "c", "c"].into_iter().enumerate() {
            nodes.push(TestNode { zone, cpu: i64::MAX / 2, memory: i64::MAX / 2, ..node(&format!("n{number}")) });
        }
        for _ in 0..count {
            let chosen = place(&nodes, &need(), &Strategy::default_list(), 0).chosen.unwrap();
            nodes[chosen].group_tasks += 1;
        }
        let per_zone = |zone| nodes.iter().filter(|node| node.zone == zone).map(|node| node.group_tasks).sum::<usize>();
        let counts = [per_zone("a"), per_zone("b"), per_zone("c")];
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
    }
}
