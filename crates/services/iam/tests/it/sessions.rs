//! Roles that are assumed.

use std::time::Duration;

use api_iam::operations as iam;
use api_iam::types as iam_types;
use api_sts::operations as sts;
use api_sts::types::*;
use identity::FindAccessKey;
use serde_json::json;
use wire::{Caller, Error};

use crate::{ACCOUNT, World, caller, document, text};

impl World {
    async fn assume(&self, who: &Caller, input: AssumeRoleRequest) -> Result<Caller, Error> {
        let input = AssumeRoleRequest {
            role_session_name: text("s"),
            ..input
        };
        let answer = self.call::<sts::AssumeRole>(who, input).await?;
        let credentials = answer.credentials.unwrap();
        let id = credentials.access_key_id.unwrap();
        let token = credentials.session_token.unwrap();
        let key = self.keys.open_session(&id, &token).expect("ours");
        Ok(caller(key.owner.principal()))
    }
}

fn role(arn: &str) -> AssumeRoleRequest {
    AssumeRoleRequest {
        role_arn: text(arn),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_role_is_assumed_by_whom_it_trusts() {
    let world = World::new().await;
    let bob = world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "x:y", "Resource": "*"}]),
        )
        .await;
    let all = json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]);
    let trusting = world
        .role("trusting", json!({"AWS": bob.arn()}), all.clone())
        .await;
    let other = world
        .role("other", json!({"Service": "ecs-tasks.amazonaws.com"}), all)
        .await;
    let session = world.assume(&bob, role(&trusting)).await.unwrap();
    assert_eq!(
        session.arn(),
        "arn:aws:sts::123456789012:assumed-role/trusting/s"
    );
    assert_eq!(world.may(&session, "ecs:CreateCluster", "*"), Ok(()));
    for arn in [other.as_str(), "arn:aws:iam::123456789012:role/none"] {
        let error = world.assume(&bob, role(arn)).await.unwrap_err();
        assert_eq!(error.code, "AccessDeniedException");
        assert!(
            error.message.starts_with(&format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                bob.arn()
            )),
            "{error}"
        );
    }
}

#[tokio::test]
async fn session_policies_limit_and_a_changed_role_counts_at_once() {
    let world = World::new().await;
    let bob = world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]),
        )
        .await;
    let account = json!({"AWS": "arn:aws:iam::123456789012:root"});
    let all = json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]);
    let arn = world.role("web", account, all).await;
    let limited = AssumeRoleRequest {
        policy: document(json!([{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}])),
        ..role(&arn)
    };
    let session = world.assume(&bob, limited).await.unwrap();
    assert_eq!(world.may(&session, "ecs:ListTasks", "*"), Ok(()));
    let error = world.may(&session, "ecs:RunTask", "*").unwrap_err();
    assert!(
        error
            .message
            .ends_with("because no session policy allows the ecs:RunTask action"),
        "{error}"
    );
    let input = iam_types::DeleteRolePolicyRequest {
        role_name: text("web"),
        policy_name: text("own"),
    };
    world.root::<iam::DeleteRolePolicy>(input).await.unwrap();
    let error = world.may(&session, "ecs:ListTasks", "*").unwrap_err();
    assert!(
        error.message.contains("no identity-based policy allows"),
        "{error}"
    );
}

#[tokio::test]
async fn conditions_of_trust() {
    let world = World::new().await;
    let bob = world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]),
        )
        .await;
    let input = iam_types::CreateRoleRequest {
        role_name: text("partner"),
        assume_role_policy_document: document(json!([{
            "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}])),
        max_session_duration: Some(7200),
        ..Default::default()
    };
    let arn = world
        .root::<iam::CreateRole>(input)
        .await
        .unwrap()
        .role
        .unwrap()
        .arn
        .unwrap();
    assert!(world.assume(&bob, role(&arn)).await.is_err());
    let named = |seconds: i32| AssumeRoleRequest {
        external_id: text("secret"),
        duration_seconds: Some(seconds),
        ..role(&arn)
    };
    assert!(world.assume(&bob, named(7200)).await.is_ok());
    let error = world.assume(&bob, named(7201)).await.unwrap_err();
    assert_eq!(
        error.message,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    );
    // The trust says nothing of tags.
    let tagged = AssumeRoleRequest {
        tags: Some(vec![Tag {
            key: text("team"),
            value: text("blue"),
        }]),
        ..named(3600)
    };
    let error = world.assume(&bob, tagged).await.unwrap_err();
    assert!(error.message.contains("sts:TagSession"), "{error}");
}

#[tokio::test]
async fn a_service_gets_credentials_of_a_role_that_trusts_it() {
    let world = World::new().await;
    let all = json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]);
    let trust = json!({"Service": "ecs-tasks.amazonaws.com"});
    let arn = world.role("task", trust, all).await;
    let assume = |service: &str, arn: &str| {
        let lifetime = Duration::from_secs(3600);
        world.iam.assume_for_service(
            ACCOUNT,
            arn,
            service,
            "0af",
            "arn:aws:ecs:r:1:task/c/0af",
            lifetime,
        )
    };
    let made = assume("ecs-tasks.amazonaws.com", &arn).unwrap();
    let token = made.credentials.session_token.clone().unwrap();
    let key = world
        .keys
        .open_session(&made.credentials.access_key_id, &token)
        .unwrap();
    assert_eq!(key.expires_at, Some(made.expires_at));
    let session = caller(key.owner.principal());
    assert_eq!(
        session.arn(),
        "arn:aws:sts::123456789012:assumed-role/task/0af"
    );
    assert_eq!(world.may(&session, "ecs:ListTasks", "*"), Ok(()));
    assert!(assume("ecs.amazonaws.com", &arn).is_err());
    assert!(
        assume(
            "ecs-tasks.amazonaws.com",
            "arn:aws:iam::123456789012:role/none"
        )
        .is_err()
    );
}

#[tokio::test]
async fn session_tokens_are_their_users() {
    let world = World::new().await;
    let bob = world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]),
        )
        .await;
    let answer = world
        .call::<sts::GetSessionToken>(&bob, Default::default())
        .await
        .unwrap();
    let made = answer.credentials.unwrap();
    let (id, token) = (made.access_key_id.unwrap(), made.session_token.unwrap());
    let key = world.keys.open_session(&id, &token).unwrap();
    let again = Caller {
        access_key_id: id,
        ..caller(key.owner.principal())
    };
    assert_eq!(again.arn(), bob.arn());
    assert_eq!(world.may(&again, "ecs:ListTasks", "*"), Ok(()));
    let refused = world
        .call::<sts::GetSessionToken>(&again, Default::default())
        .await;
    assert_eq!(
        refused.map(|_| ()).unwrap_err().message,
        "Cannot call GetSessionToken with session credentials"
    );
    let who = world
        .call::<sts::GetCallerIdentity>(&again, GetCallerIdentityRequest {})
        .await
        .unwrap();
    assert_eq!(who.user_id, Some(again.principal.user_id(ACCOUNT)));
    assert!(world.clock.now().as_seconds() > 0);
}
