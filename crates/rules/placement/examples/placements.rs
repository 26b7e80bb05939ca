//! How many placements a second, each with its explanation: `cargo run --release -p placement --example placements`.
//!
//! Spread over zones, then binpack on memory, with a `memberOf` constraint that half of the nodes satisfy. Nodes are
//! filled to two thirds; then each placement is followed by the end of the oldest task, so that the cluster stays as full.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use clock::Clock;
use placement::{
    Attributes, Facts, Holding, Index, MemberOf, Need, Phase, Resource, SpreadOver, Standing,
    Strategy, Used,
};

const POOL: &str = "cluster";
const TASK_CPU_UNITS: i64 = 256;
const TASK_MEMORY_MIB: i64 = 512;
const TASKS_A_NODE: usize = 12;
const LONGEST: Duration = Duration::from_secs(3);

fn main() {
    let clock = Clock::system();
    println!("  nodes      tasks  groups  placements/s  first ask  all reasons");
    for nodes in [1_000, 10_000, 100_000] {
        for groups in [1, 20, 2_000] {
            measure(&clock, nodes, groups);
        }
    }
}

/// The tasks of a placement belong to one of so many groups in turn.
fn measure(clock: &Clock, nodes: usize, groups: usize) {
    let mut index = Index::default();
    for number in 0..nodes {
        index.set(POOL, facts(number));
    }
    let groups: Vec<String> = (0..groups)
        .map(|group| format!("service:{group}"))
        .collect();
    let strategies = [
        Strategy::Spread(SpreadOver::Attribute("ecs.availability-zone".into())),
        Strategy::Binpack(Resource::Memory),
    ];
    let need = |group: &str| Need {
        cpu_units: TASK_CPU_UNITS,
        memory_mib: TASK_MEMORY_MIB,
        attributes: vec![("ecs.capability.task-eni".into(), None)],
        member_of: vec![MemberOf::parse("attribute:ecs.instance-type =~ m5.*").expect("it is one")],
        group: group.into(),
        ..Need::default()
    };
    let needs: Vec<Need> = groups.iter().map(|group| need(group)).collect();

    let started = clock.monotonic();
    let first = index.place(POOL, &needs[0], &strategies, 0);
    let first_ask = clock.monotonic() - started;
    assert!(first.chosen.is_some());

    let mut tasks: VecDeque<(Arc<str>, usize)> = VecDeque::new();
    let most = nodes / 2 * TASKS_A_NODE * 2 / 3;
    let (mut placed, mut number) = (0_u64, 0_usize);
    let mut begun = None;
    loop {
        let group = number % groups.len();
        number += 1;
        let answer = index.place(POOL, &needs[group], &strategies, 0);
        assert!(answer.explanation.fitting > 0 && answer.explanation.nearest_miss.is_some());
        let chosen = answer.chosen.expect("a third is free");
        index.hold(POOL, &chosen, &holding(&groups[group]));
        tasks.push_back((chosen, group));
        if tasks.len() > most {
            let begun = *begun.get_or_insert_with(|| clock.monotonic());
            let (node, group) = tasks.pop_front().expect("there are some");
            index.release(POOL, &node, &holding(&groups[group]));
            placed += 1;
            if placed % 64 == 0 && clock.monotonic() - begun > LONGEST {
                break;
            }
        }
    }
    let elapsed = clock.monotonic() - begun.unwrap_or_default();
    let started = clock.monotonic();
    let reasons = index.refusals(POOL, &needs[0]).len();
    let all_reasons = clock.monotonic() - started;
    assert!(reasons >= nodes / 2);
    let used: usize = index.nodes(POOL).map(|node| tasks_on(&node.used)).sum();
    assert_eq!(used, tasks.len());
    println!(
        "{nodes:7} {:10} {:7} {:13.0} {:>10} {:>12}",
        tasks.len(),
        groups.len(),
        placed as f64 / elapsed.as_secs_f64(),
        format!("{:.1?}", first_ask),
        format!("{:.1?}", all_reasons),
    );
}

fn tasks_on(used: &Used) -> usize {
    used.tasks
}

fn facts(number: usize) -> Facts {
    let zone = ["us-east-1a", "us-east-1b", "us-east-1c"][number % 3];
    let kind = ["m5.xlarge", "t3.xlarge"][number / 3 % 2];
    let pairs = [
        ("ecs.availability-zone", Some(zone)),
        ("ecs.instance-type", Some(kind)),
        ("ecs.os-type", Some("linux")),
        ("ecs.cpu-architecture", Some("x86_64")),
        ("ecs.capability.task-eni", None),
    ];
    Facts {
        id: format!("{number:032x}").into(),
        standing: Standing::Ready,
        cpu_units: TASK_CPU_UNITS * TASKS_A_NODE as i64,
        memory_mib: TASK_MEMORY_MIB * TASKS_A_NODE as i64,
        gpus: 0,
        attributes: Arc::new(Attributes::new(pairs)),
        reserved_tcp_ports: vec![22, 2375, 2376, 51678],
        reserved_udp_ports: vec![],
        agent_connected: true,
        agent_version: "1.105.1".into(),
        ec2_instance_id: None,
        registered_at_unix_seconds: 1_800_000_000,
    }
}

fn holding(group: &str) -> Holding<'_> {
    Holding {
        cpu_units: TASK_CPU_UNITS,
        memory_mib: TASK_MEMORY_MIB,
        gpus: 0,
        host_ports: &[],
        group,
        phase: Phase::Running,
        is_stopping: false,
    }
}
