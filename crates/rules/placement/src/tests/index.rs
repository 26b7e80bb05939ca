//! Whatever happened to an index, it answers as looking at every node would, and equals one that is built from what
//! there is now.

use std::collections::BTreeMap;

use proptest::prelude::{Strategy as _, any, prop_assert_eq, proptest};

use super::*;

const NODES: usize = 150;
const PORTS: [(u16, &str); 2] = [(8080, "tcp"), (53, "udp")];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    Set(usize, Looks),
    Remove(usize),
    Start(TestTask),
    /// Position among the tasks that there are, taken round.
    Stop(usize),
    End(usize),
    Ask(usize, u64),
}

#[derive(Debug, Clone, Copy)]
struct Looks {
    standing: usize,
    zone: usize,
    kind: usize,
    cpu_units: i64,
    memory_mib: i64,
    gpus: i64,
}

#[derive(Debug, Clone)]
struct TestTask {
    node: usize,
    group: usize,
    cpu_units: i64,
    memory_mib: i64,
    port: Option<usize>,
    is_stopping: bool,
}

fn any_event() -> impl proptest::strategy::Strategy<Value = Event> {
    let looks = (
        0..6_usize,
        0..3_usize,
        0..2_usize,
        1..4_i64,
        1..4_i64,
        0..2_i64,
    );
    let looks = looks.prop_map(|(standing, zone, kind, cpu, memory, gpus)| Looks {
        standing,
        zone,
        kind,
        cpu_units: cpu * 512,
        memory_mib: memory * 1024,
        gpus,
    });
    let task = (0..NODES, 0..3_usize, 0..4_i64, 0..4_i64, 0..6_usize);
    let task = task.prop_map(|(node, group, cpu, memory, port)| TestTask {
        node,
        group,
        cpu_units: cpu * 64,
        memory_mib: memory * 128,
        port: (port < PORTS.len()).then_some(port),
        is_stopping: false,
    });
    proptest::prop_oneof![
        2 => (0..NODES, looks).prop_map(|(node, looks)| Event::Set(node, looks)),
        1 => (0..NODES).prop_map(Event::Remove),
        4 => task.prop_map(Event::Start),
        1 => any::<usize>().prop_map(Event::Stop),
        2 => any::<usize>().prop_map(Event::End),
        6 => (0..QUESTIONS, any::<u64>()).prop_map(|(question, draw)| Event::Ask(question, draw)),
    ]
}

const GROUPS: [&str; 3] = ["service:web", "service:db", "family:job"];
const QUESTIONS: usize = 14;

fn question(number: usize) -> (Need, Vec<Strategy>) {
    let zones = || Strategy::Spread(SpreadOver::Attribute("ecs.availability-zone".into()));
    let kinds = || Strategy::Spread(SpreadOver::Attribute("ecs.instance-type".into()));
    let instances = || Strategy::Spread(SpreadOver::Instance);
    let cpu = || Strategy::Binpack(Resource::Cpu);
    let memory = || Strategy::Binpack(Resource::Memory);
    let of = |group: usize| Need {
        group: GROUPS[group].into(),
        ..need()
    };
    let distinct = |group: usize| Need {
        distinct_instance: true,
        ..of(group)
    };
    let member_of = |group, text: &str| Need {
        member_of: vec![MemberOf::parse(text).unwrap()],
        ..of(group)
    };
    match number {
        0 => (of(0), Strategy::default_list()),
        1 => (of(1), Strategy::default_list()),
        2 => (distinct(0), Strategy::default_list()),
        3 => (distinct(1), vec![Strategy::Random]),
        4 => (
            Need {
                is_daemon: true,
                ..of(2)
            },
            vec![Strategy::Random],
        ),
        5 => (of(2), vec![zones(), memory()]),
        6 => (of(0), vec![memory(), zones(), cpu()]),
        7 => (of(0), vec![kinds(), zones(), instances(), Strategy::Random]),
        8 => (member_of(1, "task:group == service:web"), vec![cpu()]),
        9 => (
            member_of(
                1,
                "attribute:ecs.instance-type == m5 and runningTasksCount < 2",
            ),
            vec![zones(), memory()],
        ),
        10 => (
            Need {
                host_ports: vec![(8080, "tcp".into())],
                ..of(0)
            },
            vec![zones(), Strategy::Random],
        ),
        11 => (Need { gpus: 1, ..of(1) }, vec![cpu(), cpu(), memory()]),
        12 => (
            Need {
                cpu_units: 1400,
                ..distinct(2)
            },
            vec![instances()],
        ),
        _ => (
            Need {
                cpu_units: 9000,
                ..distinct(0)
            },
            vec![],
        ),
    }
}

/// What is true, plainly.
#[derive(Default)]
struct Truth {
    looks: BTreeMap<usize, Looks>,
    tasks: Vec<TestTask>,
}

impl Truth {
    fn index(&self) -> Index {
        let mut index = Index::default();
        for (number, looks) in &self.looks {
            index.set("c", facts(*number, looks));
        }
        for task in &self.tasks {
            on(&mut index, task, Index::hold);
        }
        index
    }
}

fn facts(number: usize, looks: &Looks) -> Facts {
    let standing = [
        Standing::Ready,
        Standing::Ready,
        Standing::Draining,
        Standing::AwaitsDaemons,
        Standing::Disconnected,
        Standing::Inactive,
    ][looks.standing];
    Facts {
        standing,
        cpu_units: looks.cpu_units,
        memory_mib: looks.memory_mib,
        gpus: looks.gpus,
        attributes: attributes(["a", "b", "c"][looks.zone], ["m5", "t3"][looks.kind]),
        ..node(&format!("n{number:02}")).facts
    }
}

fn on(index: &mut Index, task: &TestTask, act: fn(&mut Index, &str, &str, &Holding<'_>)) {
    let port = task
        .port
        .map(|port| (PORTS[port].0, PORTS[port].1.to_owned()));
    let holding = Holding {
        cpu_units: task.cpu_units,
        memory_mib: task.memory_mib,
        gpus: 0,
        host_ports: port.as_slice(),
        group: GROUPS[task.group],
        phase: Phase::Running,
        is_stopping: task.is_stopping,
    };
    act(index, "c", &format!("n{:02}", task.node), &holding);
}

fn happen(index: &mut Index, truth: &mut Truth, event: &Event) {
    match event {
        Event::Set(number, looks) => {
            index.set("c", facts(*number, looks));
            truth.looks.insert(*number, *looks);
        }
        Event::Remove(number) => {
            index.remove("c", &format!("n{number:02}"));
            truth.looks.remove(number);
        }
        Event::Start(task) => {
            on(index, task, Index::hold);
            truth.tasks.push(task.clone());
        }
        Event::Stop(position) if !truth.tasks.is_empty() => {
            let position = position % truth.tasks.len();
            on(index, &truth.tasks[position], Index::release);
            truth.tasks[position].is_stopping = true;
            on(index, &truth.tasks[position], Index::hold);
        }
        Event::End(position) if !truth.tasks.is_empty() => {
            let task = truth.tasks.swap_remove(position % truth.tasks.len());
            on(index, &task, Index::release);
        }
        Event::Stop(_) | Event::End(_) | Event::Ask(..) => {}
    }
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 96, ..Default::default() })]

    #[test]
    fn it_answers_as_looking_at_every_node_does_and_equals_a_rebuild(
        looks in proptest::collection::vec(any_event(), 0..400),
        more_of_one_group in 0..80_usize,
    ) {
        let (mut index, mut truth) = (Index::default(), Truth::default());
        let usual = Looks { standing: 0, zone: 0, kind: 0, cpu_units: 1024, memory_mib: 2048, gpus: 1 };
        for number in 0..NODES {
            let looks = Looks { zone: number % 3, kind: number % 2, ..usual };
            happen(&mut index, &mut truth, &Event::Set(number, looks));
        }
        // Beyond a limit a group is kept in the order.
        for node in 0..more_of_one_group {
            let task = TestTask { node, group: 0, cpu_units: 1, memory_mib: 1, port: None, is_stopping: false };
            happen(&mut index, &mut truth, &Event::Start(task));
        }
        for event in &looks {
            happen(&mut index, &mut truth, event);
            if let Event::Ask(number, draw) = event {
                let (need, strategies) = question(*number);
                let nodes: Vec<Node> = index.nodes("c").cloned().collect();
                let expected = place(&nodes, &need, &strategies, *draw);
                let expected_id = expected.chosen.map(|position| nodes[position].facts.id.clone());
                // Twice, so that it is also answered from the order, which is made for what is asked again.
                for _ in 0..2 {
                    let answer = index.place("c", &need, &strategies, *draw);
                    prop_assert_eq!(&answer.chosen, &expected_id, "question {}", number);
                    prop_assert_eq!(&answer.explanation, &expected.explanation, "question {}", number);
                }
            }
        }
        let zones: std::collections::BTreeSet<&str> =
            index.nodes("c").filter_map(|node| node.facts.attributes.get(AVAILABILITY_ZONE)).collect();
        prop_assert_eq!(index.zones("c").collect::<Vec<_>>(), zones.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(&index, &truth.index());
        for task in std::mem::take(&mut truth.tasks) {
            on(&mut index, &task, Index::release);
        }
        for number in std::mem::take(&mut truth.looks).into_keys() {
            index.remove("c", &format!("n{number:02}"));
        }
        prop_assert_eq!(&index, &Index::default());
    }
}
