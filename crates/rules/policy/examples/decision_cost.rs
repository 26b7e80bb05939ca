//! How long a decision takes for a role with 20 statements: `cargo run --release -p policy --example decision_cost`.

use std::hint::black_box;
use std::sync::Arc;

use policy::{Context, NamedPolicy, Policies, Policy, PolicyUse, Request, Subject, decide};
use serde_json::json;

const ROUNDS: u32 = 200_000;

#[allow(clippy::disallowed_methods, reason = "this measures real time")]
fn main() {
    let statements: Vec<_> = (0..20)
        .map(|number| {
            json!({
                "Effect": if number % 5 == 4 { "Deny" } else { "Allow" },
                "Action": ["ecs:Describe*", "ecs:List*", format!("s{number}:*"), "ecs:RunTask"],
                "Resource": [
                    format!("arn:aws:ecs:*:123456789012:task-definition/app{number}-*:*"),
                    "arn:aws:ecs:us-east-1:123456789012:task/${aws:PrincipalTag/team, 'none'}/*",
                ],
                "Condition": {
                    "ArnLike": {"ecs:cluster": "arn:aws:ecs:*:*:cluster/prod*"},
                    "StringEquals": {"aws:RequestTag/team": ["blue", "green"]},
                },
            })
        })
        .collect();
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let policy = Policy::parse(&text, PolicyUse::Identity).expect("valid");
    let policies = [NamedPolicy {
        name: "role/web".into(),
        policy: Arc::new(policy),
    }];
    let subject = Subject::Session {
        account: "123456789012".into(),
        role_arn: "arn:aws:iam::123456789012:role/web".into(),
        session_arn: "arn:aws:sts::123456789012:assumed-role/web/s".into(),
    };
    let mut context = Context::new();
    for (key, value) in [
        ("aws:SourceIp", "10.0.0.1"),
        ("aws:PrincipalArn", "arn:aws:iam::123456789012:role/web"),
        ("aws:PrincipalTag/team", "blue"),
        ("aws:RequestTag/team", "blue"),
        (
            "ecs:cluster",
            "arn:aws:ecs:us-east-1:123456789012:cluster/prod-1",
        ),
    ] {
        context.set(key, value);
    }
    let request = Request {
        subject: &subject,
        action: "ecs:RunTask",
        resource: "arn:aws:ecs:us-east-1:123456789012:task-definition/app18-web:7",
        context: &context,
    };
    let all = Policies {
        identity: &policies,
        ..Policies::default()
    };
    assert!(decide(&request, &all).is_allowed());
    let started = std::time::Instant::now();
    for _ in 0..ROUNDS {
        black_box(decide(black_box(&request), black_box(&all)));
    }
    let each = started.elapsed() / ROUNDS;
    println!("20 statements: {each:?} a decision");
}
