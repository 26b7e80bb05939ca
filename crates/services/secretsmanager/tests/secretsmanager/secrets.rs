use std::time::Duration;

use api_secretsmanager::operations as op;
use api_secretsmanager::types::*;
use service_secretsmanager::{SecretRecord, SecretVersionRecord};

use crate::world::World;

fn told<T>(result: Result<T, wire::Error>) -> String {
    result
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn names_and_arns_lead_to_the_secret() {
    let world = World::new().await;
    let arn = world
        .create("prod/db", Some("one"))
        .await
        .expect("created")
        .arn
        .expect("an ARN");
    let partial = arn.rsplit_once('-').expect("a suffix").0;
    for id in ["prod/db", &arn, partial] {
        assert_eq!(world.get(id, None).await.as_deref(), Ok("one"), "{id}");
    }
    let not_found = "ResourceNotFoundException: Secrets Manager can't find the specified secret.";
    for id in [
        "prod",
        "prod/db-abcdef",
        &arn.replace("us-east-1", "us-east-2"),
        &format!("{partial}-AAAAA!"),
    ] {
        assert_eq!(told(world.get(id, None).await), not_found, "{id}");
    }
    let again = told(world.create("prod/db", Some("one")).await);
    assert_eq!(
        again,
        "ResourceExistsException: The operation failed because the secret prod/db already exists."
    );
    assert!(told(world.create("no:colon", None).await).starts_with("InvalidParameterException"));
}

#[tokio::test(start_paused = true)]
async fn the_tables_hold_no_plaintext() {
    let world = World::new().await;
    world.create("db", Some("hunter2")).await.expect("created");
    let shown = world.store.read(|head| {
        let versions: Vec<_> = head.scan::<SecretVersionRecord>("").collect();
        assert_eq!(versions.len(), 1);
        format!("{versions:?} {:?}", serde_of(&versions[0].value))
    });
    assert!(!shown.head().contains("hunter2"));
}

fn serde_of(sealed: &vault::Sealed) -> String {
    sealed.to_base64()
}

#[tokio::test(start_paused = true)]
async fn a_new_value_is_current_and_the_one_before_previous() {
    let world = World::new().await;
    world.create("db", None).await.expect("created");
    let missing = "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT";
    assert_eq!(told(world.get("db", None).await), missing);
    world.put("db", "one", &[]).await.expect("put");
    let second = world.put("db", "two", &[]).await.expect("put");
    let pending = world
        .put("db", "three", &["AWSPENDING"])
        .await
        .expect("put");
    assert_eq!(world.get("db", None).await.as_deref(), Ok("two"));
    assert_eq!(
        world.get("db", Some("AWSPREVIOUS")).await.as_deref(),
        Ok("one")
    );
    assert_eq!(
        world.get("db", Some("AWSPENDING")).await.as_deref(),
        Ok("three")
    );
    let moved = UpdateSecretVersionStageRequest {
        secret_id: Some("db".into()),
        version_stage: Some("AWSCURRENT".into()),
        remove_from_version_id: Some(second.clone()),
        move_to_version_id: Some(pending.clone()),
    };
    world
        .call::<op::UpdateSecretVersionStage>(moved)
        .await
        .expect("moved");
    assert_eq!(world.get("db", None).await.as_deref(), Ok("three"));
    assert_eq!(
        world.get("db", Some("AWSPREVIOUS")).await.as_deref(),
        Ok("two")
    );
    let mismatch = GetSecretValueRequest {
        secret_id: Some("db".into()),
        version_id: Some(second),
        version_stage: Some("AWSCURRENT".into()),
    };
    assert_eq!(
        told(world.call::<op::GetSecretValue>(mismatch).await),
        "InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId."
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_token_is_the_same_request() {
    let world = World::new().await;
    world.create("db", Some("one")).await.expect("created");
    let token = "0123456789abcdef0123456789abcdef".to_owned();
    let put = |value: &str| PutSecretValueRequest {
        secret_id: Some("db".into()),
        client_request_token: Some(token.clone()),
        secret_string: Some(value.into()),
        ..Default::default()
    };
    let first = world
        .call::<op::PutSecretValue>(put("two"))
        .await
        .expect("put");
    assert_eq!(first.version_id.as_deref(), Some(&*token));
    assert_eq!(
        world.call::<op::PutSecretValue>(put("two")).await,
        Ok(first)
    );
    assert!(
        told(world.call::<op::PutSecretValue>(put("other")).await)
            .starts_with("ResourceExistsException")
    );
    assert_eq!(
        world
            .store
            .read(|head| head.len::<SecretVersionRecord>())
            .head(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_secret_can_be_restored_until_its_window_is_over() {
    let world = World::new().await;
    world.create("db", Some("one")).await.expect("created");
    let delete = |days, force| DeleteSecretRequest {
        secret_id: Some("db".into()),
        recovery_window_in_days: days,
        force_delete_without_recovery: force,
    };
    assert!(
        told(world.call::<op::DeleteSecret>(delete(Some(6), None)).await)
            .contains("between 7 and 30 days")
    );
    assert!(
        told(
            world
                .call::<op::DeleteSecret>(delete(Some(7), Some(true)))
                .await
        )
        .contains("in conjunction")
    );
    world
        .call::<op::DeleteSecret>(delete(Some(7), None))
        .await
        .expect("deleted");
    let marked = "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.";
    assert_eq!(told(world.get("db", None).await), marked);
    assert!(told(world.create("db", None).await).contains("already scheduled for deletion"));
    world.clock.sleep(Duration::from_secs(6 * 86_400)).await;
    let restore = RestoreSecretRequest {
        secret_id: Some("db".into()),
    };
    world
        .call::<op::RestoreSecret>(restore)
        .await
        .expect("restored");
    assert_eq!(world.get("db", None).await.as_deref(), Ok("one"));
    world.clock.sleep(Duration::from_secs(2 * 86_400)).await;
    assert_eq!(
        world.get("db", None).await.as_deref(),
        Ok("one"),
        "the old window means nothing"
    );
    world
        .call::<op::DeleteSecret>(delete(None, None))
        .await
        .expect("deleted");
    world.clock.sleep(Duration::from_secs(29 * 86_400)).await;
    let rows = || {
        world
            .store
            .read(|head| {
                (
                    head.len::<SecretRecord>(),
                    head.len::<SecretVersionRecord>(),
                )
            })
            .head()
    };
    assert_eq!(rows(), (1, 1));
    world.clock.sleep(Duration::from_secs(86_400 + 60)).await;
    assert_eq!(rows(), (0, 0));
    world.create("db", Some("anew")).await.expect("created");
    world
        .call::<op::DeleteSecret>(delete(None, Some(true)))
        .await
        .expect("deleted");
    assert_eq!(rows(), (0, 0));
    world
        .call::<op::DeleteSecret>(delete(None, Some(true)))
        .await
        .expect("gone already");
    assert!(world.loops.iter().all(|running| !running.is_finished()));
}

#[tokio::test(start_paused = true)]
async fn old_versions_without_a_label_make_room() {
    let world = World::new().await;
    world.create("db", Some("0")).await.expect("created");
    let kept = world.put("db", "kept", &["mine"]).await.expect("put");
    for number in 1..100 {
        world
            .put("db", &number.to_string(), &[])
            .await
            .expect("put");
    }
    assert_eq!(
        world
            .store
            .read(|head| head.len::<SecretVersionRecord>())
            .head(),
        90
    );
    assert_eq!(world.get("db", Some("mine")).await.as_deref(), Ok("kept"));
    let list = ListSecretVersionIdsRequest {
        secret_id: Some("db".into()),
        ..Default::default()
    };
    let listed = world
        .call::<op::ListSecretVersionIds>(list)
        .await
        .expect("listed")
        .versions
        .expect("a list");
    assert_eq!(listed.len(), 3, "current, previous, mine");
    assert!(
        listed
            .iter()
            .any(|version| version.version_id.as_ref() == Some(&kept))
    );
}

#[tokio::test(start_paused = true)]
async fn lists_batches_and_policies() {
    let world = World::new().await;
    for (name, value) in [("a/one", Some("1")), ("a/two", Some("2")), ("b", None)] {
        world.create(name, value).await.expect("created");
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    let list = async |key: &'static str, value: &str, descending: bool| {
        let filter = Filter {
            key: Some(key.into()),
            values: Some(vec![value.into()]),
        };
        let input = ListSecretsRequest {
            filters: Some(vec![filter]),
            sort_order: descending.then_some(SortOrderType::DESC),
            ..Default::default()
        };
        let listed = world
            .call::<op::ListSecrets>(input)
            .await
            .expect("listed")
            .secret_list;
        listed
            .expect("a list")
            .into_iter()
            .filter_map(|it| it.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(list("name", "a/", false).await, ["a/one", "a/two"]);
    assert_eq!(list("name", "a/", true).await, ["a/two", "a/one"]);
    assert_eq!(list("name", "!a/", false).await, ["b"]);
    assert_eq!(list("all", "TWO", false).await, ["a/two"]);
    let batch = BatchGetSecretValueRequest {
        secret_id_list: Some(["a/one", "b", "none"].map(str::to_owned).into()),
        ..Default::default()
    };
    let batch = world
        .call::<op::BatchGetSecretValue>(batch)
        .await
        .expect("a batch");
    assert_eq!(batch.secret_values.expect("values").len(), 1);
    let errors: Vec<_> = batch
        .errors
        .expect("errors")
        .into_iter()
        .filter_map(|it| it.secret_id)
        .collect();
    assert_eq!(errors, ["b", "none"]);
    let put = |text: &str| PutResourcePolicyRequest {
        secret_id: Some("b".into()),
        resource_policy: Some(text.into()),
        block_public_policy: Some(true),
        policy_name: None,
    };
    assert!(
        told(world.call::<op::PutResourcePolicy>(put("{")).await)
            .starts_with("MalformedPolicyDocumentException")
    );
    let policy = |principal: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}]}}"#
        )
    };
    for public in [r#""*""#, r#"{"AWS":"*"}"#, r#"{"AWS":["*"]}"#] {
        assert!(
            told(
                world
                    .call::<op::PutResourcePolicy>(put(&policy(public)))
                    .await
            )
            .starts_with("PublicPolicyException"),
            "{public}"
        );
    }
    let good = policy(r#"{"AWS":"arn:aws:iam::123456789012:root"}"#);
    world
        .call::<op::PutResourcePolicy>(put(&good))
        .await
        .expect("put");
    let get = GetResourcePolicyRequest {
        secret_id: Some("b".into()),
        policy_name: None,
    };
    assert_eq!(
        world
            .call::<op::GetResourcePolicy>(get)
            .await
            .expect("got")
            .resource_policy,
        Some(good)
    );
}
