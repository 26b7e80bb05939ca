//! Tags, mutability, scanning and policies of repositories.

use super::*;

const ARN: &str = "arn:aws:ecr:us-east-1:123456789012:repository/demo";

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    }
}

#[tokio::test]
async fn repositories_have_tags() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    let add = |arn: &str, tags: Vec<Tag>| TagResourceRequest {
        resource_arn: Some(arn.to_owned()),
        tags: Some(tags),
    };
    let tags = vec![tag("team", "blue"), tag("cost", "1")];
    world
        .call::<op::TagResource>(add(ARN, tags))
        .await
        .expect("tagged");
    let untag = UntagResourceRequest {
        resource_arn: Some(ARN.to_owned()),
        tag_keys: Some(vec!["cost".to_owned()]),
    };
    world
        .call::<op::UntagResource>(untag)
        .await
        .expect("untagged");
    let list = ListTagsForResourceRequest {
        resource_arn: Some(ARN.to_owned()),
    };
    let listed = world
        .call::<op::ListTagsForResource>(list)
        .await
        .expect("listed");
    assert_eq!(listed.tags, Some(vec![tag("team", "blue")]));
    let reserved = world
        .call::<op::TagResource>(add(ARN, vec![tag("aws:x", "")]))
        .await;
    assert_eq!(
        reserved.expect_err("refused").code,
        "InvalidTagParameterException"
    );
    for (arn, code) in [
        ("nonsense", "InvalidParameterException"),
        (
            "arn:aws:ecs:us-east-1:123456789012:cluster/x",
            "InvalidParameterException",
        ),
        (
            "arn:aws:ecr:us-east-1:123456789012:repository/none",
            "RepositoryNotFoundException",
        ),
        (
            "arn:aws:ecr:us-west-2:123456789012:repository/demo",
            "RepositoryNotFoundException",
        ),
    ] {
        let refused = world.call::<op::TagResource>(add(arn, vec![])).await;
        assert_eq!(refused.expect_err("refused").code, code, "{arn}");
    }
}

#[tokio::test]
async fn excluded_tags_move_and_others_stay() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    world.push("a", "demo:v1").await.expect("pushed");
    world.push("a", "demo:latest").await.expect("pushed");
    let put =
        |mutability: ImageTagMutability, filters: Option<&str>| PutImageTagMutabilityRequest {
            repository_name: Some("demo".to_owned()),
            image_tag_mutability: Some(mutability),
            image_tag_mutability_exclusion_filters: filters.map(|filter| {
                vec![ImageTagMutabilityExclusionFilter {
                    filter: Some(filter.to_owned()),
                    filter_type: Some(ImageTagMutabilityExclusionFilterType::WILDCARD),
                }]
            }),
            ..Default::default()
        };
    let missing = put(ImageTagMutability::IMMUTABLE_WITH_EXCLUSION, None);
    let missing = world.call::<op::PutImageTagMutability>(missing).await;
    assert_eq!(
        missing.expect_err("refused").to_string(),
        "InvalidParameterException: Invalid parameter at 'imageTagMutabilityExclusionFilters' failed to satisfy constraint: \
         'ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as IMMUTABLE_WITH_EXCLUSION'"
    );
    let fine = put(ImageTagMutability::IMMUTABLE_WITH_EXCLUSION, Some("late*"));
    let set = world
        .call::<op::PutImageTagMutability>(fine)
        .await
        .expect("set");
    assert_eq!(
        set.image_tag_mutability,
        Some(ImageTagMutability::IMMUTABLE_WITH_EXCLUSION)
    );
    assert_eq!(
        set.image_tag_mutability_exclusion_filters
            .map(|it| it.len()),
        Some(1)
    );
    world
        .push("b", "demo:latest")
        .await
        .expect("excluded from immutability");
    let refused = world.push("b", "demo:v1").await.expect_err("refused");
    assert!(
        refused.contains("because the repository is immutable."),
        "{refused}"
    );

    let turned = put(ImageTagMutability::MUTABLE_WITH_EXCLUSION, Some("late*"));
    world
        .call::<op::PutImageTagMutability>(turned)
        .await
        .expect("set");
    world.push("b", "demo:v1").await.expect("mutable");
    let refused = world.push("c", "demo:latest").await.expect_err("refused");
    assert!(
        refused.contains("mutability exclusion filters"),
        "{refused}"
    );
    let back = put(ImageTagMutability::MUTABLE, None);
    world
        .call::<op::PutImageTagMutability>(back)
        .await
        .expect("set");
    world.push("c", "demo:latest").await.expect("mutable");
}

#[tokio::test]
async fn scanning_can_only_be_off() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    let put = |scan_on_push| PutImageScanningConfigurationRequest {
        repository_name: Some("demo".to_owned()),
        image_scanning_configuration: Some(ImageScanningConfiguration {
            scan_on_push: Some(scan_on_push),
        }),
        ..Default::default()
    };
    world
        .call::<op::PutImageScanningConfiguration>(put(false))
        .await
        .expect("it is off");
    let refused = world
        .call::<op::PutImageScanningConfiguration>(put(true))
        .await;
    assert_eq!(
        refused.expect_err("refused").code,
        "UnsupportedFeatureException"
    );
}

#[tokio::test]
async fn a_repository_policy_is_checked_kept_and_deleted() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::open(directory.path()).await;
    world.create("demo").await.expect("created");
    let get = || GetRepositoryPolicyRequest {
        repository_name: Some("demo".to_owned()),
        ..Default::default()
    };
    let none = world
        .call::<op::GetRepositoryPolicy>(get())
        .await
        .expect_err("none");
    assert_eq!(
        none.to_string(),
        "RepositoryPolicyNotFoundException: Repository policy does not exist for the repository with name 'demo' in the \
         registry with id '123456789012'"
    );
    let set = |text: &str| SetRepositoryPolicyRequest {
        repository_name: Some("demo".to_owned()),
        policy_text: Some(text.to_owned()),
        ..Default::default()
    };
    let invalid = world
        .call::<op::SetRepositoryPolicy>(set("{}"))
        .await
        .expect_err("refused");
    assert_eq!(
        invalid.to_string(),
        "InvalidParameterException: Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository \
         policy provided'"
    );
    let text = r#"{"Version":"2012-10-17","Statement":[{"Sid":"pull it","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}]}"#;
    world
        .call::<op::SetRepositoryPolicy>(set(text))
        .await
        .expect("set");
    world.store.close().await.expect("closes");
    drop(world);
    let world = World::open(directory.path()).await;
    let got = world
        .call::<op::GetRepositoryPolicy>(get())
        .await
        .expect("kept");
    assert_eq!(got.policy_text.as_deref(), Some(text));
    let delete = || DeleteRepositoryPolicyRequest {
        repository_name: Some("demo".to_owned()),
        ..Default::default()
    };
    world
        .call::<op::DeleteRepositoryPolicy>(delete())
        .await
        .expect("deleted");
    let again = world
        .call::<op::DeleteRepositoryPolicy>(delete())
        .await
        .expect_err("none");
    assert_eq!(again.code, "RepositoryPolicyNotFoundException");
}
