use std::collections::BTreeSet;

use proptest::prelude::*;
use registry_rules::lifecycle::{Count, Image, Policy, Tags, plan};
use serde_json::{Value, json};

const DAY: i64 = 24 * 60 * 60 * 1000;
const NOW: i64 = 50 * DAY;

fn an_image() -> impl Strategy<Value = Image> {
    let tags = proptest::collection::vec("[ab]{1,3}", 0..3);
    (tags, 0..40 * DAY, proptest::bool::weighted(0.2)).prop_map(|(tags, age, is_held)| Image {
        tags,
        pushed_at_millis: NOW - age,
        is_held,
    })
}

fn a_selection() -> impl Strategy<Value = Value> {
    let tags = prop_oneof![
        Just(json!({ "tagStatus": "any" })),
        Just(json!({ "tagStatus": "untagged" })),
        proptest::collection::vec("[ab]{1,2}", 1..3)
            .prop_map(|tags| json!({ "tagStatus": "tagged", "tagPrefixList": tags })),
        proptest::collection::vec("[ab*]{1,3}", 1..3)
            .prop_map(|tags| json!({ "tagStatus": "tagged", "tagPatternList": tags })),
    ];
    (tags, any::<bool>(), 1u32..8).prop_map(|(mut selection, is_age, number)| {
        selection["countNumber"] = json!(number);
        if is_age {
            selection["countType"] = json!("sinceImagePushed");
            selection["countUnit"] = json!("days");
        } else {
            selection["countType"] = json!("imageCountMoreThan");
        }
        selection
    })
}

/// Those of random rules that go together.
fn a_policy() -> impl Strategy<Value = Policy> {
    proptest::collection::vec((1u32..20, a_selection()), 1..6).prop_filter_map("no rule", |rules| {
        let mut kept: Vec<Value> = Vec::new();
        let mut policy = None;
        for (priority, selection) in rules {
            kept.push(json!({ "rulePriority": priority, "selection": selection, "action": { "type": "expire" } }));
            match Policy::parse(&json!({ "rules": kept }).to_string()) {
                Ok(parsed) => policy = Some(parsed),
                Err(_) => {
                    kept.pop();
                }
            }
        }
        policy
    })
}

proptest! {
    #[test]
    fn an_image_goes_by_the_first_rule_that_matches_it_or_not_at_all(
        policy in a_policy(),
        images in proptest::collection::vec(an_image(), 0..30),
    ) {
        let expiries = plan(&policy, &images, NOW);
        let gone: BTreeSet<usize> = expiries.iter().map(|it| it.image).collect();
        prop_assert_eq!(gone.len(), expiries.len(), "each at most once");
        for expiry in &expiries {
            let image = &images[expiry.image];
            prop_assert!(!image.is_held);
            let first = policy.rules().iter().find(|rule| rule.tags.match_any_of(&image.tags)).expect("a rule matches");
            prop_assert_eq!(first.priority, expiry.rule_priority);
        }
        for rule in policy.rules() {
            let ages: Vec<i64> = expiries.iter().filter(|it| it.rule_priority == rule.priority)
                .map(|it| images[it.image].pushed_at_millis).collect();
            prop_assert!(ages.is_sorted(), "the oldest first");
        }
    }

    #[test]
    fn a_rule_keeps_what_it_says(policy in a_policy(), images in proptest::collection::vec(an_image(), 0..30)) {
        let expiries = plan(&policy, &images, NOW);
        for rule in policy.rules() {
            let taken: Vec<usize> = expiries.iter().filter(|it| it.rule_priority == rule.priority).map(|it| it.image).collect();
            match rule.count {
                Count::MoreThan(count) => {
                    // However many it takes, `count` at least as young as any of them match.
                    for image in taken {
                        let younger = images.iter().enumerate().filter(|(other, it)| {
                            rule.tags.match_any_of(&it.tags)
                                && (it.pushed_at_millis, *other) > (images[image].pushed_at_millis, image)
                        });
                        prop_assert!(younger.count() >= count as usize);
                    }
                }
                Count::DaysSincePushed(days) => {
                    for image in taken {
                        prop_assert!(NOW - images[image].pushed_at_millis > i64::from(days) * DAY);
                    }
                }
            }
        }
    }

    /// What one rule alone must take, it takes.
    #[test]
    fn one_rule_leaves_nothing_behind(selection in a_selection(), images in proptest::collection::vec(an_image(), 0..30)) {
        let text = json!({ "rules": [{ "rulePriority": 1, "selection": selection, "action": { "type": "expire" } }] });
        let policy = Policy::parse(&text.to_string()).expect("a policy");
        let rule = &policy.rules()[0];
        let gone: BTreeSet<usize> = plan(&policy, &images, NOW).iter().map(|it| it.image).collect();
        let mut youngest_first: Vec<usize> = (0..images.len()).filter(|it| rule.tags.match_any_of(&images[*it].tags)).collect();
        youngest_first.sort_by_key(|it| std::cmp::Reverse((images[*it].pushed_at_millis, *it)));
        for (position, image) in youngest_first.into_iter().enumerate() {
            let is_over = match rule.count {
                Count::MoreThan(count) => position >= count as usize,
                Count::DaysSincePushed(days) => NOW - images[image].pushed_at_millis > i64::from(days) * DAY,
            };
            prop_assert_eq!(gone.contains(&image), is_over && !images[image].is_held);
        }
        if rule.tags == Tags::Any {
            let held = images.iter().filter(|it| it.is_held).count();
            prop_assert!(gone.len() <= images.len() - held);
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,200}") {
        let _ = Policy::parse(&text);
    }
}
