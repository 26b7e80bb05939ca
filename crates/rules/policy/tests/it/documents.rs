//! What is a policy, and what is refused in which words.

use policy::{Policy, PolicyUse};
use serde_json::{Value, json};

use crate::document;

fn refusal(text: &str, purpose: PolicyUse) -> String {
    match Policy::parse(text, purpose) {
        Ok(_) => panic!("taken: {text}"),
        Err(error) => error.to_string(),
    }
}

fn identity(statement: Value) -> String {
    refusal(&document(statement), PolicyUse::Identity)
}

#[test]
fn what_is_no_policy() {
    let refused = |text: &str| refusal(text, PolicyUse::Identity);
    assert_eq!(refused("{"), "This policy contains invalid Json");
    assert_eq!(refused("[]"), "Syntax errors in policy.");
    assert_eq!(
        refused(r#"{"Version":"2012-10-17"}"#),
        "Syntax errors in policy."
    );
    let old = r#"{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}"#;
    assert_eq!(
        refused(old),
        "Policy document must be version 2012-10-17 or greater."
    );
    // The second Effect would hide the first.
    let twice = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Effect":"Allow","Action":"a:b","Resource":"*"}}"#;
    assert_eq!(refused(twice), "This policy contains invalid Json");
    let long = " ".repeat(limits::POLICY_BYTES + 1);
    assert!(refused(&long).starts_with("Cannot exceed quota"));
    assert_eq!(
        refused(&"[".repeat(5000)),
        "This policy contains invalid Json"
    );
}

#[test]
fn what_a_statement_must_have() {
    assert_eq!(
        identity(json!({"Effect": "Allow", "Resource": "*"})),
        "Policy statement must contain actions."
    );
    assert_eq!(
        identity(json!({"Effect": "Allow", "Action": "ecs:*"})),
        "Policy statement must contain resources."
    );
    assert_eq!(
        identity(json!({"Effect": "Allow", "Action": "RunTask", "Resource": "*"})),
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    );
    assert_eq!(
        identity(json!({"Effect": "Allow", "Action": "ec*:RunTask", "Resource": "*"})),
        "Vendor ec* is not valid"
    );
    assert_eq!(
        identity(json!({"Effect": "Allow", "Action": "ecs:*", "Resource": "task/x"})),
        "Resource task/x must be in ARN format or \"*\"."
    );
    assert_eq!(
        identity(json!({"Effect": "Allow", "Action": "ecs:*", "Resource": "*", "Principal": "*"})),
        "Policy document should not specify a principal."
    );
    let allow = json!({"Sid": "A", "Effect": "Allow", "Action": "ecs:*", "Resource": "*"});
    assert_eq!(
        identity(json!([allow, allow])),
        "Statement IDs (SID) in a single policy must be unique."
    );
    for statement in [
        json!({"Effect": "allow", "Action": "ecs:*", "Resource": "*"}),
        json!({"Effect": "Allow", "Action": "ecs:*", "NotAction": "ecs:*", "Resource": "*"}),
        json!({"Effect": "Allow", "Action": "ecs:*", "Resource": "*", "Extra": 1}),
        json!({"Effect": "Allow", "Action": "ecs:*", "Resource": "*", "Condition": []}),
        json!([]),
    ] {
        assert_eq!(identity(statement), "Syntax errors in policy.");
    }
}

#[test]
fn what_a_condition_must_have() {
    let with = |condition: Value| {
        identity(
            json!({"Effect": "Allow", "Action": "ecs:*", "Resource": "*", "Condition": condition}),
        )
    };
    assert_eq!(
        with(json!({"Equals": {"aws:a": "b"}})),
        "Invalid Condition type : Equals"
    );
    assert_eq!(
        with(json!({"ForSome:StringEquals": {"aws:a": "b"}})),
        "Invalid Condition type : ForSome:StringEquals"
    );
    assert_eq!(
        with(json!({"NullIfExists": {"aws:a": "true"}})),
        "Invalid Condition type : NullIfExists"
    );
    // In a Deny a value that compares with nothing would never deny.
    assert_eq!(
        with(json!({"NumericEquals": {"aws:a": "many"}})),
        "Invalid value many for the condition operator NumericEquals."
    );
    assert_eq!(
        with(json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/33"}})),
        "Invalid value 10.0.0.0/33 for the condition operator NotIpAddress."
    );
    assert!(with(json!({"StringEquals": {"team": "b"}})).starts_with("Actions/Conditions must"));
}

#[test]
fn what_a_trust_policy_must_have() {
    let trust = |statement: Value| refusal(&document(statement), PolicyUse::Trust);
    let tasks = json!({"Service": "ecs-tasks.amazonaws.com"});
    assert_eq!(
        trust(json!({"Effect": "Allow", "Action": "sts:AssumeRole"})),
        "Missing required field Principal"
    );
    assert_eq!(
        trust(
            json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": tasks, "Resource": "*"})
        ),
        "Has prohibited field Resource"
    );
    assert_eq!(
        trust(json!({"Effect": "Allow", "Action": "ecs:RunTask", "Principal": tasks})),
        "AssumeRole policy may only specify STS AssumeRole actions."
    );
    assert_eq!(
        trust(json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "bob"}})),
        "Invalid principal in policy: \"AWS\":\"bob\""
    );
    let old = json!({"Version": "2008-10-17", "Statement": [
        {"Sid": "", "Effect": "Allow", "Principal": tasks, "Action": "sts:AssumeRole"}]});
    assert!(Policy::parse(&old.to_string(), PolicyUse::Trust).is_ok());
}

#[test]
fn the_condition_keys_of_a_document() {
    let text = document(json!({
        "Effect": "Allow", "Action": "ecs:*", "Resource": "arn:aws:ecs:*:*:task/${aws:username}/*",
        "Condition": {"StringEquals": {"ecs:cluster": "${aws:PrincipalTag/c}"}, "Null": {"aws:TagKeys": "false"}}}));
    let policy = Policy::parse(&text, PolicyUse::Identity).expect("valid");
    assert_eq!(
        policy.context_keys(),
        [
            "aws:principaltag/c",
            "aws:tagkeys",
            "aws:username",
            "ecs:cluster"
        ]
    );
}
