//! The strategies as the documentation has them, each keeping the best of what the one before left, against the order
//! that the crate compares by.

use std::collections::HashMap;

use proptest::prelude::{Strategy as _, any, prop_assert, prop_assert_eq, proptest};

use super::*;

fn any_node() -> impl proptest::strategy::Strategy<Value = Node> {
    let standing = 0..6_usize;
    (
        standing,
        0..1000_i64,
        0..1500_i64,
        0..3_usize,
        0..2_usize,
        0..4_usize,
        0..5_usize,
    )
        .prop_map(|(standing, cpu, memory, zone, kind, group, others)| {
            let mut made = with_free(node(""), cpu / 100 * 100, memory / 100 * 100);
            made.facts.attributes = attributes(["a", "b", "c"][zone], ["m5", "t3"][kind]);
            made.facts.standing = [
                Standing::Ready,
                Standing::Ready,
                Standing::Draining,
                Standing::AwaitsDaemons,
                Standing::Disconnected,
                Standing::Inactive,
            ][standing];
            with_group(with_group(made, "g", group), "other", others)
        })
}

fn any_strategies() -> impl proptest::strategy::Strategy<Value = Vec<Strategy>> {
    let one = (0..6_usize).prop_map(|which| match which {
        0 => Strategy::Spread(SpreadOver::Instance),
        1 => Strategy::Spread(SpreadOver::Attribute("ecs.availability-zone".into())),
        2 => Strategy::Spread(SpreadOver::Attribute("ecs.instance-type".into())),
        3 => Strategy::Binpack(Resource::Cpu),
        4 => Strategy::Binpack(Resource::Memory),
        _ => Strategy::Random,
    });
    proptest::collection::vec(one, 0..6)
}

/// What is left after each strategy kept its best.
fn left_over(nodes: &[Node], need: &Need, strategies: &[Strategy]) -> Vec<usize> {
    let is_candidate = |node: &&Node| node.facts.standing != Standing::Inactive;
    let mut left: Vec<usize> = (0..nodes.len())
        .filter(|position| is_candidate(&&nodes[*position]))
        .filter(|position| refusal(&nodes[*position], need).is_none())
        .collect();
    for strategy in strategies {
        let ranks: Vec<i64> = match strategy {
            Strategy::Random => break,
            Strategy::Spread(SpreadOver::Instance) => {
                let tasks = nodes
                    .iter()
                    .map(|node| node.tasks_of_group(&need.group) as i64);
                tasks.collect()
            }
            Strategy::Spread(SpreadOver::Attribute(name)) => {
                let mut counts: HashMap<Option<&str>, i64> = HashMap::new();
                for node in nodes.iter().filter(is_candidate) {
                    *counts.entry(node.facts.attributes.get(name)).or_default() +=
                        node.tasks_of_group(&need.group) as i64;
                }
                let count = |node: &Node| {
                    let value = node.facts.attributes.get(name);
                    counts.get(&value).copied().unwrap_or(0)
                };
                nodes.iter().map(count).collect()
            }
            Strategy::Binpack(Resource::Cpu) => nodes.iter().map(Node::cpu_units_free).collect(),
            Strategy::Binpack(Resource::Memory) => {
                nodes.iter().map(Node::memory_mib_free).collect()
            }
        };
        let best = left.iter().map(|position| ranks[*position]).min();
        left.retain(|position| Some(ranks[*position]) == best);
    }
    left
}

proptest! {
    #[test]
    fn what_is_chosen_is_the_best_and_every_node_is_accounted_for(
        mut nodes in proptest::collection::vec(any_node(), 0..20),
        strategies in any_strategies(),
        distinct_instance in any::<bool>(),
        draw in any::<u64>(),
    ) {
        for (number, node) in nodes.iter_mut().enumerate() {
            node.facts.id = format!("n{number:02}").into();
        }
        let need = Need { distinct_instance, ..need() };
        let decision = place(&nodes, &need, &strategies, draw);
        let candidates = nodes.iter().filter(|node| node.facts.standing != Standing::Inactive).count();
        let refused: u32 = decision.explanation.refused.values().sum();
        prop_assert_eq!(decision.explanation.considered as usize, candidates);
        prop_assert_eq!(refused + decision.explanation.fitting, decision.explanation.considered);
        prop_assert_eq!(decision.explanation.nearest_miss.is_some(), refused > 0);
        let left = left_over(&nodes, &need, &strategies);
        prop_assert_eq!(decision.chosen.is_some(), !left.is_empty());
        if let Some(chosen) = decision.chosen {
            prop_assert!(left.contains(&chosen), "{} is none of {:?}", chosen, left);
        }
    }

    #[test]
    fn spreading_keeps_zones_within_one(count in 1..40_usize) {
        let mut nodes = vec![];
        for (number, zone) in ["a", "a", "b", "c", "c", "c"].into_iter().enumerate() {
            let roomy = with_free(node(&format!("n{number}")), i64::MAX / 2, i64::MAX / 2);
            nodes.push(in_zone(roomy, zone));
        }
        for _ in 0..count {
            let chosen = place(&nodes, &need(), &Strategy::default_list(), 0).chosen.unwrap();
            nodes[chosen] = with_group(nodes[chosen].clone(), "g", 1);
        }
        let in_zone = |name| nodes.iter().filter(move |node| *node.facts.attributes == *zone(name));
        let per_zone = |name| in_zone(name).map(|node| node.tasks_of_group("g")).sum::<usize>();
        let counts = [per_zone("a"), per_zone("b"), per_zone("c")];
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
    }
}
