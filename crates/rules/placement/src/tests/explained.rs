//! What placement says of itself: golden text, and answers that agree with each other.

use proptest::prelude::*;

use super::*;
use crate::Strategy;

fn told(nodes: &[Node], need: &Need, strategies: &[Strategy]) -> String {
    let decision = place(nodes, need, strategies, 0);
    let chosen = match decision.chosen {
        Some(position) => format!("chosen: {}\n", nodes[position].facts.id),
        None => "chosen: none\n".to_owned(),
    };
    let sentences = decision.explanation.sentences(strategies, str::to_owned);
    chosen + &sentences.join("\n")
}

#[test]
fn a_placement_is_explained_in_sentences() {
    let mut draining = node("n5");
    draining.facts.standing = Standing::Draining;
    let nodes = [
        with_group(node("n1"), "g", 2),
        with_group(in_zone(node("n2"), "b"), "g", 1),
        in_zone(node("n3"), "b"),
        with_free(in_zone(node("n4"), "b"), 200, 2048),
        draining,
    ];
    let spread = Strategy::default_list();
    assert_eq!(
        told(&nodes, &need(), &spread),
        "\
chosen: n3
3 of 5 nodes could take it
spread(attribute:ecs.availability-zone): 1 task of its group where that is the same
spread(instanceId): 0 tasks of its group there
1 node: DRAINING
1 node: too little CPU free
n4 came nearest: 56 CPU units short"
    );
    let full = [with_free(node("n1"), 1024, 500)];
    assert_eq!(
        told(&full, &need(), &spread),
        "\
chosen: none
the only node could not take it
1 node: too little memory free
n1 came nearest: 12 MiB of memory short"
    );
    assert_eq!(
        told(&[], &need(), &spread),
        "chosen: none\nthere is no node at all"
    );
    let packed = [
        Strategy::Binpack(Resource::Memory),
        Strategy::Binpack(Resource::Memory),
        Strategy::Random,
    ];
    let same = [node("n1"), with_free(node("n2"), 1024, 1024)];
    assert_eq!(
        told(&same, &need(), &packed),
        "\
chosen: n2
2 of 2 nodes could take it
binpack(memory): 1024 MiB of memory were free
random: among those that were equal so far"
    );
}

#[test]
fn a_node_tells_all_that_it_lacks() {
    let mut bad = with_free(in_zone(node("n1"), "a"), 100, 100);
    bad.facts.standing = Standing::Disconnected;
    bad.used.host_ports.insert((80, "tcp".into()), 1);
    let bad = with_group(bad, "g", 2);
    let picky = Need {
        host_ports: vec![(80, "tcp".into()), (0, "tcp".into())],
        attributes: vec![
            ("ecs.availability-zone".into(), Some("b".into())),
            ("gpu".into(), None),
        ],
        member_of: vec![MemberOf::parse("attribute:ecs.instance-type == t3.*").unwrap()],
        distinct_instance: true,
        ..need()
    };
    let lacks: Vec<String> = lacks(&bad, &picky).iter().map(Lack::to_string).collect();
    assert_eq!(
        lacks,
        [
            "its agent is disconnected",
            "attribute ecs.availability-zone = b is wanted, it has a",
            "attribute gpu is missing",
            "not memberOf attribute:ecs.instance-type == t3.*",
            "distinctInstance: it has 2 of g",
            "port 80/tcp is taken",
            "512 MiB of memory are wanted, 100 are free",
            "256 CPU units are wanted, 100 are free",
        ]
    );
}

proptest! {
    /// Node by node, the answers are the one answer, taken apart.
    #[test]
    fn verdicts_agree_with_placement(
        nodes in prop::collection::vec((0..3_i64, 0..3_i64, 0..3_usize, 0..6_u8, any::<bool>()), 0..8),
        strategy in 0..3_usize,
        distinct_instance: bool,
        is_daemon: bool,
    ) {
        let nodes: Vec<Node> = nodes
            .into_iter()
            .enumerate()
            .map(|(number, (cpu, memory, tasks, standing, zone))| {
                let made = with_free(node(&format!("n{number}")), 200 * cpu, 400 * memory);
                let mut made = with_group(made, "g", tasks);
                made.facts.standing = match standing {
                    0 => Standing::Draining,
                    1 => Standing::Disconnected,
                    2 => Standing::AwaitsDaemons,
                    _ => Standing::Ready,
                };
                match zone {
                    true => in_zone(made, "b"),
                    false => made,
                }
            })
            .collect();
        let strategies = [
            Strategy::default_list(),
            vec![Strategy::Binpack(Resource::Cpu)],
            vec![Strategy::Spread(SpreadOver::Instance), Strategy::Binpack(Resource::Memory)],
        ];
        let strategies = &strategies[strategy];
        let need = Need { distinct_instance, is_daemon, ..need() };
        let decision = place(&nodes, &need, strategies, 0);
        let verdicts = verdicts(&nodes, &need, strategies);
        prop_assert_eq!(verdicts.len(), nodes.len());
        let fitting = verdicts.iter().filter(|verdict| verdict.lacks.is_empty()).count();
        prop_assert_eq!(fitting, decision.explanation.fitting as usize);
        match decision.chosen {
            Some(position) => {
                prop_assert_eq!(&verdicts[0].node, &nodes[position].facts.id);
                prop_assert_eq!(&verdicts[0].ranks, &decision.explanation.ranks);
            }
            None => prop_assert_eq!(fitting, 0),
        }
        let missed = verdicts.iter().find(|verdict| !verdict.lacks.is_empty());
        let nearest = decision.explanation.nearest_miss.map(|nearest| nearest.node);
        prop_assert_eq!(missed.map(|verdict| verdict.node.to_string()), nearest);
        for node in &nodes {
            let first = lacks(node, &need).first().map(Lack::filter);
            prop_assert_eq!(first, refusal(node, &need).map(|refusal| refusal.filter));
        }
    }
}
