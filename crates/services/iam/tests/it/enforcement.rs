//! What users may, and in which words they may not.

use api_iam::operations as iam;
use api_iam::types::*;
use serde_json::json;

use crate::{World, document, text};

const CLUSTER: &str = "arn:aws:ecs:us-east-1:123456789012:cluster/prod";

#[tokio::test]
async fn a_user_may_what_a_policy_allows_and_is_told_why_not() {
    let world = World::new().await;
    let bob = world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}]),
        )
        .await;
    assert_eq!(world.may(&bob, "ecs:ListClusters", "*"), Ok(()));
    let error = world.may(&bob, "ecs:CreateCluster", CLUSTER).unwrap_err();
    assert_eq!(error.code, "AccessDeniedException");
    assert_eq!(
        error.message,
        format!(
            "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: ecs:CreateCluster on resource: \
             {CLUSTER} because no identity-based policy allows the ecs:CreateCluster action"
        )
    );
    let denial = &world.iam.denials()[0];
    assert_eq!(denial.action, "ecs:CreateCluster");
    assert_eq!(denial.request_id, "request-1");
    assert_eq!(denial.asked, ["user/bob: inline policy own"]);
}

#[tokio::test]
async fn a_change_of_policy_counts_from_the_next_request_on() {
    let world = World::new().await;
    let bob = world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]),
        )
        .await;
    assert_eq!(world.may(&bob, "ecs:CreateCluster", CLUSTER), Ok(()));
    let input = CreatePolicyRequest {
        policy_name: text("no-clusters"),
        policy_document: document(json!([
            {"Sid": "NoClusters", "Effect": "Deny", "Action": "ecs:CreateCluster", "Resource": "*"}])),
        ..Default::default()
    };
    let policy = world.root::<iam::CreatePolicy>(input).await.unwrap();
    let arn = policy.policy.unwrap().arn.unwrap();
    let input = CreateGroupRequest {
        group_name: text("careful"),
        path: None,
    };
    world.root::<iam::CreateGroup>(input).await.unwrap();
    let input = AttachGroupPolicyRequest {
        group_name: text("careful"),
        policy_arn: text(&arn),
    };
    world.root::<iam::AttachGroupPolicy>(input).await.unwrap();
    assert_eq!(world.may(&bob, "ecs:CreateCluster", CLUSTER), Ok(()));
    let input = AddUserToGroupRequest {
        group_name: text("careful"),
        user_name: text("bob"),
    };
    world.root::<iam::AddUserToGroup>(input).await.unwrap();
    let error = world.may(&bob, "ecs:CreateCluster", CLUSTER).unwrap_err();
    assert!(
        error
            .message
            .ends_with("with an explicit deny in an identity-based policy"),
        "{error}"
    );
    let denial = &world.iam.denials()[0];
    assert_eq!(denial.policy.as_deref(), Some(arn.as_str()));
    assert_eq!(denial.statement, Some((0, text("NoClusters"))));
    // Another version that denies nothing of it.
    let input = CreatePolicyVersionRequest {
        policy_arn: text(&arn),
        policy_document: document(
            json!([{"Effect": "Deny", "Action": "ecs:DeleteCluster", "Resource": "*"}]),
        ),
        set_as_default: Some(true),
    };
    world.root::<iam::CreatePolicyVersion>(input).await.unwrap();
    assert_eq!(world.may(&bob, "ecs:CreateCluster", CLUSTER), Ok(()));
}

#[tokio::test]
async fn a_boundary_limits_and_a_user_that_is_gone_may_nothing() {
    let world = World::new().await;
    let bob = world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
        )
        .await;
    let input = PutUserPermissionsBoundaryRequest {
        user_name: text("bob"),
        permissions_boundary: text("arn:aws:iam::aws:policy/CloudWatchLogsFullAccess"),
    };
    world
        .root::<iam::PutUserPermissionsBoundary>(input)
        .await
        .unwrap();
    assert_eq!(world.may(&bob, "logs:CreateLogGroup", "*"), Ok(()));
    let error = world.may(&bob, "ecs:CreateCluster", CLUSTER).unwrap_err();
    assert!(
        error
            .message
            .ends_with("because no permissions boundary allows the ecs:CreateCluster action"),
        "{error}"
    );
    for name in ["own"] {
        let input = DeleteUserPolicyRequest {
            user_name: text("bob"),
            policy_name: text(name),
        };
        world.root::<iam::DeleteUserPolicy>(input).await.unwrap();
    }
    let input = DeleteAccessKeyRequest {
        user_name: text("bob"),
        access_key_id: text(&bob.access_key_id),
    };
    world.root::<iam::DeleteAccessKey>(input).await.unwrap();
    let input = DeleteUserRequest {
        user_name: text("bob"),
    };
    world.root::<iam::DeleteUser>(input).await.unwrap();
    // Another user of the name is not the one that the credentials were of.
    world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
        )
        .await;
    assert!(world.may(&bob, "logs:CreateLogGroup", "*").is_err());
}

#[tokio::test]
async fn simulation_says_what_decides() {
    let world = World::new().await;
    world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "ecs:List*", "Resource": "*"}]),
        )
        .await;
    let input = SimulatePrincipalPolicyRequest {
        policy_source_arn: text("arn:aws:iam::123456789012:user/bob"),
        action_names: Some(vec!["ecs:ListTasks".into(), "ecs:RunTask".into()]),
        ..Default::default()
    };
    let answer = world
        .root::<iam::SimulatePrincipalPolicy>(input)
        .await
        .unwrap();
    let results = answer.evaluation_results.unwrap();
    let outcomes: Vec<_> = results
        .iter()
        .map(|it| it.eval_decision.clone().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        [
            PolicyEvaluationDecisionType::ALLOWED,
            PolicyEvaluationDecisionType::IMPLICIT_DENY
        ]
    );
    let matched = results[0].matched_statements.as_ref().unwrap();
    assert_eq!(
        matched[0].source_policy_id.as_deref(),
        Some("user/bob: inline policy own")
    );
}
