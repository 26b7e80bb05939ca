//! The examples of ECR's user guide.

use registry_rules::lifecycle::{Image, InvalidPolicy, Policy, plan};
use serde_json::{Value, json};

const DAY: i64 = 24 * 60 * 60 * 1000;
const NOW: i64 = 100 * DAY;

fn image(tags: &[&str], days_ago: i64) -> Image {
    Image {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        pushed_at_millis: NOW - days_ago * DAY,
        is_held: false,
    }
}

fn rule(priority: u32, selection: Value) -> Value {
    json!({ "rulePriority": priority, "selection": selection, "action": { "type": "expire" } })
}

fn more_than(count: u32, list: &str, tags: &[&str]) -> Value {
    json!({ "tagStatus": "tagged", list: tags, "countType": "imageCountMoreThan", "countNumber": count })
}

fn parse(rules: Value) -> Result<Policy, InvalidPolicy> {
    Policy::parse(&json!({ "rules": rules }).to_string())
}

fn expired(rules: Value, images: &[Image]) -> Vec<(usize, u32)> {
    let policy = parse(rules).expect("a policy");
    let expiries = plan(&policy, images, NOW);
    expiries
        .iter()
        .map(|it| (it.image, it.rule_priority))
        .collect()
}

#[test]
fn a_rule_spares_what_a_rule_before_it_keeps() {
    let images = [
        image(&["beta-1", "prod-1"], 10),
        image(&["beta-2", "prod-2"], 9),
        image(&["beta-3"], 8),
    ];
    let (prod, beta) = (
        |n| more_than(n, "tagPrefixList", &["prod"]),
        |n| more_than(n, "tagPrefixList", &["beta"]),
    );
    assert_eq!(
        expired(json!([rule(1, prod(1)), rule(2, beta(1))]), &images),
        [(0, 1)]
    );
    assert_eq!(
        expired(json!([rule(1, beta(1)), rule(2, prod(1))]), &images),
        [(0, 1), (1, 1)]
    );
    assert_eq!(
        expired(json!([rule(2, prod(1)), rule(1, beta(1))]), &images),
        [(0, 1), (1, 1)],
        "by priority"
    );
}

#[test]
fn all_tags_of_a_list_must_match() {
    let images = [
        image(&["alpha-1"], 12),
        image(&["beta-1"], 11),
        image(&["alpha-2", "beta-2"], 10),
        image(&["alpha-3"], 4),
        image(&["alpha-4", "beta-4"], 3),
    ];
    let both = more_than(1, "tagPrefixList", &["alpha", "beta"]);
    assert_eq!(expired(json!([rule(1, both)]), &images), [(2, 1)]);
    let both = more_than(1, "tagPatternList", &["alp*", "*eta-*"]);
    assert_eq!(expired(json!([rule(1, both)]), &images), [(2, 1)]);
}

#[test]
fn age_counts_in_days_and_any_comes_last() {
    let images = [
        image(&["prod-1"], 15),
        image(&[], 15),
        image(&["other"], 15),
        image(&[], 14),
    ];
    let since = |status: &str| json!({ "tagStatus": status, "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14 });
    assert_eq!(
        expired(json!([rule(1, since("untagged"))]), &images),
        [(1, 1)],
        "14 days is not older than 14"
    );
    let keep = more_than(1, "tagPrefixList", &["prod"]);
    assert_eq!(
        expired(json!([rule(1, keep), rule(9, since("any"))]), &images),
        [(1, 9), (2, 9)]
    );
}

#[test]
fn what_an_index_lists_is_kept() {
    let mut images = [image(&[], 3), image(&[], 2), image(&[], 1)];
    images[0].is_held = true;
    let untagged =
        json!({ "tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1 });
    assert_eq!(expired(json!([rule(1, untagged)]), &images), [(1, 1)]);
}

#[test]
fn what_is_wrong_is_said() {
    let fine = json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1 });
    let with = |name: &str, value: Value| {
        let mut changed = fine.clone();
        changed[name] = value;
        json!([rule(1, changed)])
    };
    let untagged =
        json!({ "tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1 });
    let prod = more_than(1, "tagPrefixList", &["a", "b"]);
    let cases = [
        (json!([]), "array is too short"),
        (
            json!([{ "rulePriority": 1 }]),
            "object has missing required properties ([\"action\",\"selection\"])",
        ),
        (with("countUnit", Value::Null), "matched 0 out of 2"),
        (with("tagPrefixList", json!(["a"])), "matched 0 out of 2"),
        (with("tagStatus", json!("tagged")), "matched 0 out of 2"),
        (
            with("countType", json!("sinceImagePushed")),
            "matched 0 out of 2",
        ),
        (with("countNumber", json!(0)), "(minimum: 1, found: 0)"),
        (
            with("countNumber", json!("1")),
            "does not match any allowed primitive type (allowed: [\"integer\"])",
        ),
        (
            with("colour", json!(1)),
            "not allowed by the schema: ([\"colour\"])",
        ),
        (
            with("tagStatus", json!("sometimes")),
            "not found in enum (possible values: [\"any\",\"tagged\",\"untagged\"])",
        ),
        (
            json!([rule(1, fine.clone()), rule(2, untagged.clone())]),
            "tagStatus 'any'",
        ),
        (
            json!([rule(1, untagged.clone()), rule(1, fine.clone())]),
            "Rule priorities must be unique",
        ),
        (
            json!([rule(1, untagged.clone()), rule(2, untagged)]),
            "Only one rule can select untagged images",
        ),
        (
            json!([
                rule(1, prod),
                rule(2, more_than(9, "tagPrefixList", &["b", "a"]))
            ]),
            "unique set of tag prefixes",
        ),
        (
            json!([rule(1, more_than(1, "tagPatternList", &["*a*b*c*d*"]))]),
            "at most 4 wildcards",
        ),
    ];
    for (rules, words) in cases {
        let error = parse(rules.clone()).expect_err("refused");
        let text = error.to_string();
        assert!(
            text.starts_with("Lifecycle policy validation failure: ") && text.contains(words),
            "{rules}: {text}"
        );
    }
    let pulled = with("countType", json!("sinceImagePulled"));
    assert!(matches!(parse(pulled), Err(InvalidPolicy::Unsupported(_))));
    let archived = json!([{ "rulePriority": 1, "selection": fine, "action": { "type": "transition", "targetStorageClass": "archive" } }]);
    assert!(matches!(
        parse(archived),
        Err(InvalidPolicy::Unsupported(_))
    ));
    for text in ["", "[]", "{\"rules\":", "{\"rules\":{}}"] {
        assert!(
            matches!(Policy::parse(text), Err(InvalidPolicy::Malformed(_))),
            "{text}"
        );
    }
}
