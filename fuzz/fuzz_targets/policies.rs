//! Policy documents, and decisions by those that are taken.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use policy::{Context, NamedPolicy, Policies, Policy, PolicyUse, Request, Subject, decide};

fuzz_target!(|text: &str| {
    let mut context = Context::new();
    context.set("aws:username", "bob");
    context.set_all("aws:TagKeys", vec!["team".into(), "stage".into()]);
    context.set("aws:SourceIp", "10.0.0.1");
    context.set("aws:CurrentTime", "2026-01-01T00:00:00Z");
    let subject = Subject::User {
        account: "123456789012".into(),
        arn: "arn:aws:iam::123456789012:user/bob".into(),
    };
    let request = Request {
        subject: &subject,
        action: "ecs:RunTask",
        resource: "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1",
        context: &context,
    };
    for purpose in [PolicyUse::Identity, PolicyUse::Trust, PolicyUse::Resource] {
        let Ok(policy) = Policy::parse(text, purpose) else {
            continue;
        };
        policy.context_keys();
        let named = NamedPolicy {
            name: String::new(),
            policy: Arc::new(policy),
        };
        let policies = match purpose {
            PolicyUse::Identity => Policies {
                identity: std::slice::from_ref(&named),
                ..Policies::default()
            },
            _ => Policies {
                resource: Some(&named),
                ..Policies::default()
            },
        };
        // The same question has the same answer.
        assert_eq!(decide(&request, &policies), decide(&request, &policies));
    }
});
