//! Making and unmaking, and the errors on the way.

use api_iam::operations as iam;
use api_iam::types::*;
use serde_json::json;

use crate::{World, document, text};

fn trust() -> Option<String> {
    document(json!([
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]))
}

fn code<T: std::fmt::Debug>(result: Result<T, wire::Error>) -> (String, String) {
    let error = result.err().expect("refused");
    (error.code.into_owned(), error.message)
}

#[tokio::test]
async fn a_role_comes_and_goes_as_terraform_does_it() {
    let world = World::new().await;
    let create = CreateRoleRequest {
        role_name: text("Web"),
        path: text("/app/"),
        assume_role_policy_document: trust(),
        ..Default::default()
    };
    let role = world
        .root::<iam::CreateRole>(create.clone())
        .await
        .unwrap()
        .role
        .unwrap();
    assert_eq!(
        role.arn.as_deref(),
        Some("arn:aws:iam::123456789012:role/app/Web")
    );
    assert!(role.role_id.unwrap().starts_with("AROA"));
    assert!(
        role.assume_role_policy_document
            .unwrap()
            .starts_with("%7B%22")
    );
    let again = CreateRoleRequest {
        role_name: text("web"),
        ..create
    };
    assert_eq!(
        code(world.root::<iam::CreateRole>(again).await.map(|_| ())),
        (
            "EntityAlreadyExistsException".into(),
            "Role with name web already exists.".into()
        )
    );
    let arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
    let attach = AttachRolePolicyRequest {
        role_name: text("Web"),
        policy_arn: text(arn),
    };
    world.root::<iam::AttachRolePolicy>(attach).await.unwrap();
    let delete = DeleteRoleRequest {
        role_name: text("Web"),
    };
    assert_eq!(
        code(
            world
                .root::<iam::DeleteRole>(delete.clone())
                .await
                .map(|_| ())
        )
        .1,
        "Cannot delete entity, must detach all policies first."
    );
    let detach = DetachRolePolicyRequest {
        role_name: text("Web"),
        policy_arn: text(arn),
    };
    world.root::<iam::DetachRolePolicy>(detach).await.unwrap();
    world.root::<iam::DeleteRole>(delete).await.unwrap();
    let get = GetRoleRequest {
        role_name: text("Web"),
    };
    assert_eq!(
        code(world.root::<iam::GetRole>(get).await.map(|_| ())),
        (
            "NoSuchEntityException".into(),
            "The role with name Web cannot be found.".into()
        )
    );
}

#[tokio::test]
async fn what_is_refused() {
    let world = World::new().await;
    let role = |document: Option<String>| CreateRoleRequest {
        role_name: text("web"),
        assume_role_policy_document: document,
        ..Default::default()
    };
    let stranger = document(json!([{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::123456789012:user/nobody"}}]));
    assert_eq!(
        code(
            world
                .root::<iam::CreateRole>(role(stranger))
                .await
                .map(|_| ())
        ),
        (
            "MalformedPolicyDocumentException".into(),
            "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:user/nobody\"".into()
        )
    );
    world.root::<iam::CreateRole>(role(trust())).await.unwrap();
    let attach = AttachRolePolicyRequest {
        role_name: text("web"),
        policy_arn: text("arn:aws:iam::aws:policy/NoSuchPolicy"),
    };
    assert_eq!(
        code(
            world
                .root::<iam::AttachRolePolicy>(attach)
                .await
                .map(|_| ())
        )
        .1,
        "Policy arn:aws:iam::aws:policy/NoSuchPolicy does not exist or is not attachable."
    );
    let put = PutRolePolicyRequest {
        role_name: text("web"),
        policy_name: text("big"),
        policy_document: document(json!([{"Effect": "Allow", "Action": "ecs:*",
            "Resource": format!("arn:aws:ecs:::{}", "x".repeat(10_300))}])),
    };
    assert_eq!(
        code(world.root::<iam::PutRolePolicy>(put).await.map(|_| ())).1,
        "Maximum policy size of 10240 bytes exceeded for role web"
    );
}

#[tokio::test]
async fn a_user_keeps_its_keys_under_a_new_name() {
    use identity::FindAccessKey;
    let world = World::new().await;
    let bob = world
        .user(
            "bob",
            json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]),
        )
        .await;
    let rename = UpdateUserRequest {
        user_name: text("bob"),
        new_user_name: text("robert"),
        new_path: None,
    };
    world.root::<iam::UpdateUser>(rename).await.unwrap();
    let key = world.keys.find_access_key(&bob.access_key_id).unwrap();
    let robert = crate::caller(key.owner.principal());
    assert_eq!(robert.arn(), "arn:aws:iam::123456789012:user/robert");
    assert_eq!(world.may(&robert, "ecs:ListTasks", "*"), Ok(()));
    let inactive = UpdateAccessKeyRequest {
        user_name: text("robert"),
        access_key_id: text(&bob.access_key_id),
        status: Some(StatusType::INACTIVE),
    };
    world.root::<iam::UpdateAccessKey>(inactive).await.unwrap();
    assert!(world.keys.find_access_key(&bob.access_key_id).is_none());
}

#[tokio::test]
async fn versions_of_a_policy() {
    let world = World::new().await;
    let statements = || document(json!([{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]));
    let create = CreatePolicyRequest {
        policy_name: text("p"),
        policy_document: statements(),
        ..Default::default()
    };
    let arn = world
        .root::<iam::CreatePolicy>(create)
        .await
        .unwrap()
        .policy
        .unwrap()
        .arn;
    let version = || CreatePolicyVersionRequest {
        policy_arn: arn.clone(),
        policy_document: statements(),
        set_as_default: Some(true),
    };
    for _ in 0..4 {
        world
            .root::<iam::CreatePolicyVersion>(version())
            .await
            .unwrap();
    }
    let (code_of, message) = code(
        world
            .root::<iam::CreatePolicyVersion>(version())
            .await
            .map(|_| ()),
    );
    assert_eq!(code_of, "LimitExceededException");
    assert!(message.starts_with("A managed policy can have up to 5 versions."));
    let delete = |id: &str| DeletePolicyVersionRequest {
        policy_arn: arn.clone(),
        version_id: text(id),
    };
    assert_eq!(
        code(
            world
                .root::<iam::DeletePolicyVersion>(delete("v5"))
                .await
                .map(|_| ())
        )
        .1,
        "Cannot delete the default version of a policy."
    );
    world
        .root::<iam::DeletePolicyVersion>(delete("v1"))
        .await
        .unwrap();
    let list = ListPolicyVersionsRequest {
        policy_arn: arn.clone(),
        max_items: Some(2),
        marker: None,
    };
    let page = world.root::<iam::ListPolicyVersions>(list).await.unwrap();
    let ids: Vec<_> = page
        .versions
        .unwrap()
        .into_iter()
        .map(|it| it.version_id.unwrap())
        .collect();
    assert_eq!(ids, ["v5", "v4"]);
    assert_eq!(page.is_truncated, Some(true));
}
