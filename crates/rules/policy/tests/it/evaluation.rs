//! Decisions by example.

use policy::{
    Context, Decision, NamedPolicy, Policies, PolicyKind, PolicyUse, Request, Subject, decide,
};
use serde_json::{Value, json};

use crate::named;

const TASK: &str = "arn:aws:ecs:us-east-1:123456789012:task/prod/0af";
const ROLE: &str = "arn:aws:iam::123456789012:role/web";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/web/s";
const USER: &str = "arn:aws:iam::123456789012:user/bob";

fn user() -> Subject {
    Subject::User {
        account: "123456789012".into(),
        arn: USER.into(),
    }
}

fn session() -> Subject {
    Subject::Session {
        account: "123456789012".into(),
        role_arn: ROLE.into(),
        session_arn: SESSION.into(),
    }
}

fn identity(statements: Value) -> NamedPolicy {
    named("p", PolicyUse::Identity, statements)
}

fn ask<'a>(subject: &Subject, action: &str, policies: &Policies<'a>) -> Decision<'a> {
    let context = Context::new();
    let request = Request {
        subject,
        action,
        resource: TASK,
        context: &context,
    };
    decide(&request, policies)
}

#[test]
fn deny_wins_and_is_named() {
    let policies = [
        identity(json!([{"Effect": "Allow", "Action": "ECS:*", "Resource": "*"}])),
        identity(json!([
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Sid": "NoStops", "Effect": "Deny", "Action": "ecs:stop*", "Resource": "arn:aws:ecs:*:*:task/prod/*"}])),
    ];
    let all = Policies {
        identity: &policies,
        ..Policies::default()
    };
    assert!(ask(&user(), "ecs:RunTask", &all).is_allowed());
    let Decision::ExplicitDeny(deciding) = ask(&user(), "ecs:StopTask", &all) else {
        panic!("not denied");
    };
    assert_eq!((deciding.index, deciding.sid), (1, Some("NoStops")));
    let none = Policies::default();
    let decision = ask(&user(), "ecs:RunTask", &none);
    assert_eq!(decision, Decision::ImplicitDeny(PolicyKind::Identity));
}

#[test]
fn not_action_and_not_resource() {
    let policies = [identity(json!([
        {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "NotResource": "arn:aws:ecs:*:*:task/prod/*"}]))];
    let all = Policies {
        identity: &policies,
        ..Policies::default()
    };
    assert!(!ask(&user(), "ecs:StopTask", &all).is_allowed());
    let context = Context::new();
    let other = |action| {
        let request = Request {
            subject: &user(),
            action,
            resource: "arn:aws:ecs:us-east-1:123456789012:task/test/0af",
            context: &context,
        };
        decide(&request, &all).is_allowed()
    };
    assert!(other("ecs:StopTask"));
    assert!(!other("iam:CreateUser"));
}

#[test]
fn boundaries_and_session_policies_only_limit() {
    let policies = [identity(
        json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]),
    )];
    let only_run = identity(json!([{"Effect": "Allow", "Action": "ecs:RunTask", "Resource": "*"}]));
    let bounded = Policies {
        identity: &policies,
        boundary: Some(&only_run),
        ..Policies::default()
    };
    assert!(ask(&user(), "ecs:RunTask", &bounded).is_allowed());
    let stop = ask(&user(), "ecs:StopTask", &bounded);
    assert_eq!(stop, Decision::ImplicitDeny(PolicyKind::Boundary));
    let sessions = [only_run.clone()];
    let scoped = Policies {
        identity: &policies,
        session: Some(&sessions),
        ..Policies::default()
    };
    let stop = ask(&session(), "ecs:StopTask", &scoped);
    assert_eq!(stop, Decision::ImplicitDeny(PolicyKind::Session));
    // They give nothing by themselves.
    let alone = Policies {
        session: Some(&sessions),
        boundary: Some(&only_run),
        ..Policies::default()
    };
    let run = ask(&session(), "ecs:RunTask", &alone);
    assert_eq!(run, Decision::ImplicitDeny(PolicyKind::Identity));
}

#[test]
fn what_a_resource_gives() {
    let nothing = [identity(
        json!([{"Effect": "Allow", "Action": "x:y", "Resource": "*"}]),
    )];
    let gives = |principal: Value, subject: &Subject| {
        let resource = named(
            "r",
            PolicyUse::Resource,
            json!([{"Effect": "Allow", "Principal": principal, "Action": "ecs:*", "Resource": "*"}]),
        );
        let policies = Policies {
            boundary: Some(&nothing[0]),
            resource: Some(&resource),
            ..Policies::default()
        };
        let is_allowed = ask(subject, "ecs:RunTask", &policies).is_allowed();
        let unbounded = Policies {
            boundary: None,
            ..policies
        };
        (
            ask(subject, "ecs:RunTask", &unbounded).is_allowed(),
            is_allowed,
        )
    };
    // (without, with a boundary that allows nothing)
    assert_eq!(gives(json!({"AWS": USER}), &user()), (true, true));
    assert_eq!(gives(json!({"AWS": SESSION}), &session()), (true, true));
    assert_eq!(gives(json!({"AWS": ROLE}), &session()), (true, false));
    assert_eq!(gives(json!("*"), &session()), (true, false));
    // The account passes on what it has by its own policies.
    assert_eq!(
        gives(json!({"AWS": "123456789012"}), &user()),
        (false, false)
    );
    assert_eq!(
        gives(json!({"Service": "ecs-tasks.amazonaws.com"}), &user()),
        (false, false)
    );
    let service = Subject::Service {
        name: "ecs-tasks.amazonaws.com".into(),
    };
    assert!(
        gives(
            json!({"Service": ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"]}),
            &service
        )
        .0
    );
}

#[test]
fn not_principal_denies_everybody_else() {
    let policies = [identity(
        json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]),
    )];
    let resource = named(
        "r",
        PolicyUse::Resource,
        json!([{"Effect": "Deny", "NotPrincipal": {"AWS": USER}, "Action": "*", "Resource": "*"}]),
    );
    let all = Policies {
        identity: &policies,
        resource: Some(&resource),
        ..Policies::default()
    };
    assert!(ask(&user(), "ecs:RunTask", &all).is_allowed());
    assert!(matches!(
        ask(&session(), "ecs:RunTask", &all),
        Decision::ExplicitDeny(deciding) if deciding.kind == PolicyKind::Resource
    ));
}

#[test]
fn a_role_has_to_trust() {
    let may_assume = [identity(
        json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]),
    )];
    let assume = |principal: Value, identity: &[NamedPolicy]| {
        let trust = named(
            "trust",
            PolicyUse::Trust,
            json!([{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]),
        );
        let policies = Policies {
            identity,
            resource: Some(&trust),
            resource_must_allow: true,
            ..Policies::default()
        };
        ask(&user(), "sts:AssumeRole", &policies).is_allowed()
    };
    assert!(assume(
        json!({"AWS": "arn:aws:iam::123456789012:root"}),
        &may_assume
    ));
    assert!(!assume(
        json!({"AWS": "arn:aws:iam::123456789012:root"}),
        &[]
    ));
    assert!(assume(json!({"AWS": USER}), &[]));
    assert!(!assume(json!({"AWS": ROLE}), &may_assume));
}

/// Operator, value of the policy, values of the request (none: the key is absent), whether it holds.
type Case = (&'static str, Value, Option<&'static [&'static str]>, bool);

#[test]
fn condition_operators() {
    let cases: Vec<Case> = vec![
        ("StringEquals", json!("a"), Some(&["a"]), true),
        ("StringEquals", json!("a"), Some(&["A"]), false),
        ("StringEquals", json!("a*"), Some(&["ab"]), false),
        ("StringEquals", json!(["a", "b"]), Some(&["b"]), true),
        ("StringEquals", json!("a"), None, false),
        ("StringNotEquals", json!(["a", "b"]), Some(&["b"]), false),
        ("StringNotEquals", json!(["a", "b"]), Some(&["c"]), true),
        ("StringNotEquals", json!("a"), None, true),
        ("StringEqualsIfExists", json!("a"), None, true),
        ("StringEqualsIfExists", json!("a"), Some(&["b"]), false),
        ("StringEqualsIgnoreCase", json!("Ab"), Some(&["aB"]), true),
        (
            "StringNotEqualsIgnoreCase",
            json!("Ab"),
            Some(&["aB"]),
            false,
        ),
        ("StringLike", json!("a*c?"), Some(&["abcd"]), true),
        ("StringNotLike", json!("a*"), Some(&["abcd"]), false),
        ("NumericEquals", json!(5), Some(&["5.0"]), true),
        ("NumericNotEquals", json!("5"), Some(&["6"]), true),
        ("NumericLessThan", json!(5), Some(&["5"]), false),
        ("NumericLessThanEquals", json!(5), Some(&["5"]), true),
        ("NumericGreaterThan", json!(5), Some(&["x"]), false),
        ("NumericGreaterThanEquals", json!(5), Some(&["7"]), true),
        (
            "DateLessThan",
            json!("2026-01-01T00:00:00Z"),
            Some(&["2025-12-31T23:59:59Z"]),
            true,
        ),
        (
            "DateGreaterThan",
            json!("2026-01-01"),
            Some(&["2025-12-31T23:59:59Z"]),
            false,
        ),
        (
            "DateEquals",
            json!("1767225600"),
            Some(&["2026-01-01T00:00:00Z"]),
            true,
        ),
        ("Bool", json!(true), Some(&["true"]), true),
        ("Bool", json!("false"), Some(&["true"]), false),
        ("BoolIfExists", json!("true"), None, true),
        ("BinaryEquals", json!("QmluYXJ5"), Some(&["QmluYXJ5"]), true),
        ("IpAddress", json!("10.0.0.0/8"), Some(&["10.2.3.4"]), true),
        (
            "NotIpAddress",
            json!("10.0.0.0/8"),
            Some(&["10.2.3.4"]),
            false,
        ),
        ("NotIpAddress", json!("10.0.0.0/8"), None, true),
        (
            "ArnLike",
            json!("arn:aws:ecs:*:*:cluster/p*"),
            Some(&["arn:aws:ecs:r:1:cluster/prod"]),
            true,
        ),
        (
            "ArnEquals",
            json!("arn:aws:ecs:*:*:cluster/p*"),
            Some(&["arn:aws:ecs:r:1:cluster/prod"]),
            true,
        ),
        (
            "ArnNotLike",
            json!("arn:aws:ecs:*:*:cluster/p*"),
            Some(&["arn:aws:ecs:r:1:cluster/x"]),
            true,
        ),
        ("Null", json!("true"), None, true),
        ("Null", json!(false), Some(&["x"]), true),
        ("Null", json!("true"), Some(&["x"]), false),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            Some(&["a", "b"]),
            true,
        ),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            Some(&["a", "c"]),
            false,
        ),
        ("ForAllValues:StringEquals", json!("a"), None, true),
        (
            "ForAllValues:StringNotEquals",
            json!("a"),
            Some(&["b", "a"]),
            false,
        ),
        (
            "ForAnyValue:StringEquals",
            json!("a"),
            Some(&["b", "a"]),
            true,
        ),
        ("ForAnyValue:StringEquals", json!("a"), None, false),
        (
            "ForAnyValue:StringNotEquals",
            json!("a"),
            Some(&["a", "b"]),
            true,
        ),
        ("ForAnyValue:StringNotEquals", json!("a"), None, false),
    ];
    for (operator, wanted, found, holds) in cases {
        let policies = [identity(json!([{
            "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"aws:Key": wanted}}}]))];
        let mut context = Context::new();
        if let Some(found) = found {
            context.set_all("AWS:key", found.iter().map(|it| (*it).to_owned()).collect());
        }
        let request = Request {
            subject: &user(),
            action: "ecs:RunTask",
            resource: TASK,
            context: &context,
        };
        let all = Policies {
            identity: &policies,
            ..Policies::default()
        };
        let is_allowed = decide(&request, &all).is_allowed();
        assert_eq!(is_allowed, holds, "{operator} {wanted} {found:?}");
    }
}
