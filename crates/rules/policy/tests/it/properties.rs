//! The compiled evaluator beside the naive one, and what holds for every document.

use std::sync::Arc;

use policy::{
    Context, Decision, NamedPolicy, Policies, Policy, PolicyUse, Request, Subject, decide,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::naive::{self, Keys};

fn values() -> impl Strategy<Value = String> {
    "[ab*?]{0,3}|[0-9]|\\$\\{aws:(name|none|many)\\}[ab*]{0,1}"
}

fn conditions() -> impl Strategy<Value = Value> {
    let strings = (
        select(vec!["", "ForAllValues:", "ForAnyValue:"]),
        select(vec![
            "StringEquals",
            "StringNotEquals",
            "StringLike",
            "StringNotLike",
        ]),
        select(vec!["", "IfExists"]),
    )
        .prop_map(|(quantifier, operator, suffix)| format!("{quantifier}{operator}{suffix}"));
    let texts = proptest::collection::vec(values(), 1..3).prop_map(|it| json!(it));
    let numbers = select(vec!["NumericLessThan", "NumericEquals", "NumericNotEquals"]);
    let number = (0..9i64).prop_map(|it| json!(it));
    let nulls = any::<bool>().prop_map(|it| json!(it.to_string()));
    let test = prop_oneof![
        4 => (strings, texts),
        1 => (numbers.prop_map(String::from), number),
        1 => (Just("Null".to_owned()), nulls),
    ];
    let key = select(vec!["aws:name", "aws:Many", "aws:none", "aws:number"]);
    proptest::collection::vec((test, key), 0..3).prop_map(|tests| {
        let mut block = Map::new();
        for ((operator, value), key) in tests {
            block.insert(operator, json!({ key: value }));
        }
        Value::Object(block)
    })
}

fn statements() -> impl Strategy<Value = Value> {
    let action = "(s|t):[ab*?]{1,3}|\\*";
    let resource = "\\*|arn:aws:s:[ab*?]{0,2}:1:[ab*?:/]{1,4}(\\$\\{aws:(name|none|many)\\})?|arn:a[*?]{1,2}:s";
    (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        proptest::collection::vec(action, 1..3),
        proptest::collection::vec(resource, 1..3),
        conditions(),
    )
        .prop_map(
            |(deny, not_action, not_resource, actions, resources, condition)| {
                json!({
                    "Effect": if deny { "Deny" } else { "Allow" },
                    if not_action { "NotAction" } else { "Action" }: actions,
                    if not_resource { "NotResource" } else { "Resource" }: resources,
                    "Condition": condition,
                })
            },
        )
}

fn documents() -> impl Strategy<Value = Vec<Value>> {
    let document = proptest::collection::vec(statements(), 1..4)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}));
    proptest::collection::vec(document, 0..3)
}

fn keys() -> impl Strategy<Value = Keys> {
    let name = proptest::option::of("[ab*?]{0,3}".prop_map(|it| vec![it]));
    let many = proptest::option::of(proptest::collection::vec("[ab]{0,2}", 0..3));
    let number = proptest::option::of("[0-9x]".prop_map(|it| vec![it]));
    (name, many, number).prop_map(|(name, many, number)| {
        let all = [
            ("aws:name", name),
            ("aws:many", many),
            ("aws:number", number),
        ];
        let present = all
            .into_iter()
            .filter_map(|(key, values)| Some((key.to_owned(), values?)));
        present.filter(|(_, values)| !values.is_empty()).collect()
    })
}

fn subject() -> Subject {
    Subject::User {
        account: "1".into(),
        arn: "arn:aws:iam::1:user/u".into(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn both_evaluators_agree(
        documents in documents(), action in "[sS]:[aAb]{1,3}|t:[ab]{0,2}",
        resource in "\\*|arn:aws:s:[ab]{0,2}:1:[ab*:/]{0,5}", keys in keys(),
    ) {
        let policies: Vec<NamedPolicy> = documents.iter().map(|document| NamedPolicy {
            name: String::new(),
            policy: Arc::new(Policy::parse(&document.to_string(), PolicyUse::Identity).expect("valid")),
        }).collect();
        let mut context = Context::new();
        for (key, values) in &keys {
            context.set_all(key, values.clone());
        }
        let request = Request { subject: &subject(), action: &action, resource: &resource, context: &context };
        let decision = decide(&request, &Policies { identity: &policies, ..Policies::default() });
        let ours = match decision {
            Decision::Allowed(_) => "allow",
            Decision::ExplicitDeny(_) => "deny",
            Decision::ImplicitDeny(_) => "neither",
        };
        prop_assert_eq!(ours, naive::evaluate(&documents, &action, &resource, &keys));
    }

    #[test]
    fn no_text_panics(text in "[{}\\[\\]\":,a-zA-Z0-9*$ ]{0,60}") {
        for purpose in [PolicyUse::Identity, PolicyUse::Trust, PolicyUse::Resource] {
            let _ = Policy::parse(&text, purpose);
        }
    }

    #[test]
    fn another_deny_never_allows_more(documents in documents(), deny in statements(), keys in keys()) {
        let parse = |document: &Value| NamedPolicy {
            name: String::new(),
            policy: Arc::new(Policy::parse(&document.to_string(), PolicyUse::Identity).expect("valid")),
        };
        let mut policies: Vec<NamedPolicy> = documents.iter().map(parse).collect();
        let mut context = Context::new();
        for (key, values) in &keys {
            context.set_all(key, values.clone());
        }
        let request = Request { subject: &subject(), action: "s:ab", resource: "arn:aws:s::1:a", context: &context };
        let before = decide(&request, &Policies { identity: &policies, ..Policies::default() }).is_allowed();
        let mut deny = deny;
        deny["Effect"] = json!("Deny");
        policies.push(parse(&json!({"Version": "2012-10-17", "Statement": [deny]})));
        let after = decide(&request, &Policies { identity: &policies, ..Policies::default() }).is_allowed();
        prop_assert!(before || !after);
    }
}
