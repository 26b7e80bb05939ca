//! Lifecycle policies and their previews.

use super::*;

fn policy(count: u32) -> String {
    format!(
        r#"{{"rules":[{{"rulePriority":5,"description":"the newest","selection":{{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":{count}}},"action":{{"type":"expire"}}}}]}}"#
    )
}

fn put(text: &str) -> PutLifecyclePolicyRequest {
    PutLifecyclePolicyRequest {
        repository_name: Some("demo".to_owned()),
        lifecycle_policy_text: Some(text.to_owned()),
        ..Default::default()
    }
}

fn get() -> GetLifecyclePolicyRequest {
    GetLifecyclePolicyRequest {
        repository_name: Some("demo".to_owned()),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_policy_is_checked_kept_and_goes_with_its_repository() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    let none = world
        .call::<op::GetLifecyclePolicy>(get())
        .await
        .expect_err("none");
    assert_eq!(
        none.to_string(),
        "LifecyclePolicyNotFoundException: Lifecycle policy does not exist for the repository with name 'demo' in the \
         registry with id '123456789012'"
    );
    let invalid = world
        .call::<op::PutLifecyclePolicy>(put(&policy(0)))
        .await
        .expect_err("refused");
    assert_eq!(
        invalid.to_string(),
        "InvalidParameterException: Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle \
         policy validation failure: numeric instance is lower than the required minimum (minimum: 1, found: 0)'"
    );
    let pulled = policy(1).replace("imageCountMoreThan", "sinceImagePulled");
    let refused = world
        .call::<op::PutLifecyclePolicy>(put(&pulled))
        .await
        .expect_err("refused");
    assert_eq!(refused.code, "UnsupportedFeatureException");
    world
        .call::<op::PutLifecyclePolicy>(put(&policy(3)))
        .await
        .expect("put");
    let got = world
        .call::<op::GetLifecyclePolicy>(get())
        .await
        .expect("kept");
    assert_eq!(got.lifecycle_policy_text, Some(policy(3)));
    assert_eq!(got.last_evaluated_at, None);
    let delete = DeleteRepositoryRequest {
        repository_name: Some("demo".to_owned()),
        ..Default::default()
    };
    world
        .call::<op::DeleteRepository>(delete)
        .await
        .expect("deleted");
    world.create("demo").await.expect("created");
    let none = world
        .call::<op::GetLifecyclePolicy>(get())
        .await
        .expect_err("none");
    assert_eq!(none.code, "LifecyclePolicyNotFoundException");
}

#[tokio::test]
async fn a_preview_says_what_would_go() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    let start = |text: Option<String>| StartLifecyclePolicyPreviewRequest {
        repository_name: Some("demo".to_owned()),
        lifecycle_policy_text: text,
        ..Default::default()
    };
    let without = world
        .call::<op::StartLifecyclePolicyPreview>(start(None))
        .await;
    assert_eq!(
        without.expect_err("refused").code,
        "LifecyclePolicyNotFoundException"
    );
    let look = |max_results, next_token| GetLifecyclePolicyPreviewRequest {
        repository_name: Some("demo".to_owned()),
        max_results,
        next_token,
        ..Default::default()
    };
    let none = world
        .call::<op::GetLifecyclePolicyPreview>(look(None, None))
        .await;
    assert_eq!(
        none.expect_err("refused").code,
        "LifecyclePolicyPreviewNotFoundException"
    );
    for number in 0..5 {
        let reference = format!("demo:v{number}");
        world
            .push(&number.to_string(), &reference)
            .await
            .expect("pushed");
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    let started = world
        .call::<op::StartLifecyclePolicyPreview>(start(Some(policy(2))))
        .await;
    started.expect("started");
    let (mut tags, mut next_token) = (Vec::new(), None);
    loop {
        let page = world
            .call::<op::GetLifecyclePolicyPreview>(look(Some(2), next_token))
            .await;
        let page = page.expect("a page");
        let total = page.summary.and_then(|it| it.expiring_image_total_count);
        assert_eq!(total, Some(3));
        for result in page.preview_results.expect("a list") {
            assert_eq!(result.applied_rule_priority, Some(5));
            tags.extend(result.image_tags.expect("tagged"));
        }
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    tags.sort();
    assert_eq!(tags, ["v0", "v1", "v2"]);
    assert_eq!(
        world.details("demo").await.len(),
        5,
        "a preview takes nothing"
    );
}
