use super::*;

#[test]
fn reasons_are_counted_and_the_nearest_miss_is_named() {
    let mut away = node("n1");
    away.facts.standing = Standing::Disconnected;
    let nodes = [
        away,
        with_free(node("n2"), 1024, 500),
        with_free(node("n3"), 100, 2048),
        with_free(node("n4"), 200, 2048),
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
    let expected = Refusal {
        filter: Filter::Memory,
        lacking: 12,
    };
    assert_eq!(refusal(&nodes[1], &need()), Some(expected));
}

fn filter_of(node: &Node, need: &Need) -> Option<Filter> {
    refusal(node, need).map(|refusal| refusal.filter)
}

#[test]
fn ports_attributes_gpus_and_constraints_bind() {
    let with_port = |port, protocol: &str| Need {
        host_ports: vec![(port, protocol.into())],
        ..need()
    };
    let mut taken = node("n1");
    taken.used.host_ports.insert((80, "tcp".into()), 1);
    assert_eq!(
        filter_of(&taken, &with_port(80, "tcp")),
        Some(Filter::Ports)
    );
    assert_eq!(filter_of(&taken, &with_port(80, "udp")), None);
    assert_eq!(
        filter_of(&taken, &with_port(22, "tcp")),
        Some(Filter::Ports)
    );
    assert_eq!(
        filter_of(&taken, &with_port(0, "tcp")),
        None,
        "a dynamic port"
    );

    let wanting = |name: &str, value: Option<&str>| Need {
        attributes: vec![(name.into(), value.map(Into::into))],
        ..need()
    };
    let zone = "ecs.availability-zone";
    assert_eq!(
        filter_of(&node("n1"), &wanting("gpu", None)),
        Some(Filter::Attribute)
    );
    assert_eq!(
        filter_of(&node("n1"), &wanting(zone, Some("b"))),
        Some(Filter::Attribute)
    );
    assert_eq!(filter_of(&node("n1"), &wanting(zone, None)), None);
    assert_eq!(filter_of(&node("n1"), &wanting("ssd", None)), None);

    let with_gpus = Need { gpus: 1, ..need() };
    assert_eq!(filter_of(&node("n1"), &with_gpus), Some(Filter::Gpu));
    let mut with_one = node("n1");
    with_one.facts.gpus = 1;
    assert_eq!(filter_of(&with_one, &with_gpus), None);

    let distinct = Need {
        distinct_instance: true,
        ..need()
    };
    let used = with_group(node("n1"), "g", 1);
    assert_eq!(filter_of(&used, &distinct), Some(Filter::DistinctInstance));
    assert_eq!(
        filter_of(&with_group(node("n1"), "other", 1), &distinct),
        None
    );
}

#[test]
fn expressions_select_nodes_by_what_they_are_and_have() {
    let member_of = |text: &str| Need {
        member_of: vec![MemberOf::parse(text).unwrap()],
        ..need()
    };
    let with_db = with_group(node("n1"), "databases", 1);
    for (text, expected) in [
        ("attribute:ecs.instance-type =~ m5.*", None),
        (
            "attribute:ecs.instance-type =~ t2.*",
            Some(Filter::MemberOf),
        ),
        ("task:group == databases", None),
        ("not(task:group == databases)", Some(Filter::MemberOf)),
        ("attribute:ssd exists and runningTasksCount == 1", None),
    ] {
        assert_eq!(filter_of(&with_db, &member_of(text)), expected, "{text}");
    }
}

#[test]
fn the_default_spreads_over_zones_first() {
    let nodes = [
        with_group(node("a1"), "g", 1),
        node("a2"),
        with_group(in_zone(node("b1"), "b"), "other", 9),
    ];
    let decision = place(&nodes, &need(), &Strategy::default_list(), 0);
    assert_eq!(
        decision.chosen,
        Some(2),
        "zone b has no task of the group, however busy it is"
    );
    assert_eq!(decision.explanation.ranks, [0, 0]);
}

#[test]
fn binpack_takes_the_least_that_fits() {
    let nodes = [
        with_free(node("n1"), 1024, 2000),
        with_free(node("n2"), 1024, 600),
        with_free(node("n3"), 1024, 100),
    ];
    let decision = place(&nodes, &need(), &[Strategy::Binpack(Resource::Memory)], 0);
    assert_eq!(decision.chosen, Some(1));
    assert_eq!(decision.explanation.ranks, [600]);
}

#[test]
fn random_gives_each_its_share() {
    let mut index = Index::default();
    for number in 0..40 {
        let id = format!("n{number:02}");
        index.set("c", with_free(node(&id), 1 << 30, 1 << 30).facts);
    }
    let mut draw = 7_u64;
    for _ in 0..40_000 {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let chosen = index
            .place("c", &need(), &[Strategy::Random], draw)
            .chosen
            .unwrap();
        let holding = Holding {
            cpu_units: 1,
            memory_mib: 1,
            gpus: 0,
            host_ports: &[],
            group: "g",
            phase: Phase::Running,
            is_stopping: false,
        };
        index.hold("c", &chosen, &holding);
    }
    for node in index.nodes("c") {
        let tasks = node.used.tasks;
        assert!(
            (800..1200).contains(&tasks),
            "{} has {tasks} of 40,000 on 40 nodes",
            node.facts.id
        );
    }
}

#[test]
fn a_stopping_task_holds_its_room_but_no_place_in_its_group() {
    let mut index = Index::default();
    index.set("c", node("n1").facts);
    let mut holding = Holding {
        cpu_units: 1000,
        memory_mib: 0,
        gpus: 0,
        host_ports: &[],
        group: "g",
        phase: Phase::Running,
        is_stopping: false,
    };
    let distinct = Need {
        distinct_instance: true,
        ..need()
    };
    let filter = |index: &Index| index.refusals("c", &distinct)[0].1.filter;
    index.hold("c", "n1", &holding);
    assert_eq!(filter(&index), Filter::DistinctInstance);
    index.release("c", "n1", &holding);
    holding.is_stopping = true;
    index.hold("c", "n1", &holding);
    assert_eq!(filter(&index), Filter::Cpu);
}
