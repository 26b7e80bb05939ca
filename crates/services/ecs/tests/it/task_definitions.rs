use api_ecs::{operations as op, types::*};

use crate::world::{World, container, fargate_request, refused, tag};

fn describe(argument: &str) -> DescribeTaskDefinitionRequest {
    DescribeTaskDefinitionRequest {
        task_definition: Some(argument.into()),
        include: Some(vec![TaskDefinitionField::TAGS]),
    }
}

fn deregister(argument: &str) -> DeregisterTaskDefinitionRequest {
    DeregisterTaskDefinitionRequest {
        task_definition: Some(argument.into()),
    }
}

async fn listed(
    world: &World,
    family: Option<&str>,
    status: Option<&str>,
    sort: Option<SortOrder>,
    page: i32,
) -> Vec<String> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let request = ListTaskDefinitionsRequest {
            family_prefix: family.map(Into::into),
            status: status.map(Into::into),
            sort: sort.clone(),
            max_results: Some(page),
            next_token: token,
        };
        let answer = world
            .call::<op::ListTaskDefinitions>(request)
            .await
            .unwrap();
        let arns = answer.task_definition_arns.unwrap();
        all.extend(
            arns.iter()
                .map(|arn| arn.rsplit('/').next().unwrap().to_owned()),
        );
        token = answer.next_token;
        if token.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn a_revision_from_first_to_last() {
    let world = World::new().await;
    let request = RegisterTaskDefinitionRequest {
        tags: Some(vec![tag("a", "1")]),
        ..fargate_request("web")
    };
    let answer = world
        .call::<op::RegisterTaskDefinition>(request)
        .await
        .unwrap();
    assert_eq!(answer.tags, Some(vec![tag("a", "1")]));
    let definition = answer.task_definition.unwrap();
    assert_eq!(
        definition.task_definition_arn.as_deref(),
        Some("arn:aws:ecs:us-east-1:123456789012:task-definition/web:1")
    );
    assert_eq!(
        (definition.revision, definition.status.clone()),
        (Some(1), Some(TaskDefinitionStatus::ACTIVE))
    );
    assert_eq!(
        definition.registered_by.as_deref(),
        Some("arn:aws:iam::123456789012:root")
    );
    assert_eq!(
        definition.compatibilities,
        Some(vec![Compatibility::EC2, Compatibility::FARGATE])
    );

    for argument in [
        "web",
        "web:1",
        "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1",
    ] {
        let shown = world
            .call::<op::DescribeTaskDefinition>(describe(argument))
            .await
            .unwrap();
        assert_eq!(
            shown.task_definition.as_ref(),
            Some(&definition),
            "{argument}"
        );
        assert_eq!(shown.tags, Some(vec![tag("a", "1")]));
    }

    let (code, message) = refused(
        world
            .call::<op::DeregisterTaskDefinition>(deregister("web"))
            .await,
    );
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("ClientException", "Revision is missing.")
    );
    let gone = world
        .call::<op::DeregisterTaskDefinition>(deregister("web:1"))
        .await
        .unwrap()
        .task_definition
        .unwrap();
    assert_eq!(gone.status, Some(TaskDefinitionStatus::INACTIVE));
    assert!(gone.deregistered_at.is_some());
    // Again is no error and changes nothing.
    let again = world
        .call::<op::DeregisterTaskDefinition>(deregister("web:1"))
        .await
        .unwrap()
        .task_definition
        .unwrap();
    assert_eq!(again.deregistered_at, gone.deregistered_at);
    assert!(
        world
            .call::<op::DescribeTaskDefinition>(describe("web:1"))
            .await
            .is_ok()
    );
    let (_, message) = refused(
        world
            .call::<op::DescribeTaskDefinition>(describe("web"))
            .await,
    );
    assert_eq!(message, "Unable to describe task definition.");
    // A revision is never used again.
    assert_eq!(world.fargate_definition("web").await, "web:2");
}

#[tokio::test]
async fn lists_by_family_status_and_order() {
    let world = World::new().await;
    for family in ["web", "web-api", "job"] {
        for _ in 0..3 {
            world.fargate_definition(family).await;
        }
    }
    world
        .call::<op::DeregisterTaskDefinition>(deregister("web:2"))
        .await
        .unwrap();
    for revision in 1..=3 {
        world
            .call::<op::DeregisterTaskDefinition>(deregister(&format!("job:{revision}")))
            .await
            .unwrap();
    }
    for page in [1, 2, 100] {
        let ascending = listed(&world, None, None, None, page).await;
        assert_eq!(
            ascending,
            ["web:1", "web:3", "web-api:1", "web-api:2", "web-api:3"],
            "page of {page}"
        );
        let mut descending = listed(&world, None, None, Some(SortOrder::DESC), page).await;
        descending.reverse();
        assert_eq!(descending, ascending, "page of {page}");
    }
    assert_eq!(
        listed(&world, Some("web"), None, None, 100).await,
        ["web:1", "web:3"]
    );
    assert_eq!(
        listed(&world, None, Some("INACTIVE"), None, 100).await,
        ["job:1", "job:2", "job:3", "web:2"]
    );

    let families = async |status: Option<&str>, prefix: &str| {
        let request = ListTaskDefinitionFamiliesRequest {
            status: status.map(Into::into),
            family_prefix: Some(prefix.into()),
            ..ListTaskDefinitionFamiliesRequest::default()
        };
        world
            .call::<op::ListTaskDefinitionFamilies>(request)
            .await
            .unwrap()
            .families
            .unwrap()
    };
    assert_eq!(families(None, "").await, ["job", "web", "web-api"]);
    assert_eq!(families(Some("ACTIVE"), "").await, ["web", "web-api"]);
    assert_eq!(families(Some("INACTIVE"), "").await, ["job"]);
    assert_eq!(families(Some("ALL"), "web-").await, ["web-api"]);
}

#[tokio::test]
async fn the_latest_active_revision_is_meant() {
    let world = World::new().await;
    for _ in 0..3 {
        world.fargate_definition("web").await;
    }
    world
        .call::<op::DeregisterTaskDefinition>(deregister("web:3"))
        .await
        .unwrap();
    let shown = world
        .call::<op::DescribeTaskDefinition>(describe("web"))
        .await
        .unwrap();
    assert_eq!(shown.task_definition.unwrap().revision, Some(2));
}

#[tokio::test]
async fn bad_registrations_are_refused_and_take_no_revision() {
    let world = World::new().await;
    let mut huge = container("app");
    huge.command = Some(vec!["x".repeat(70_000)]);
    let cases = [
        (
            RegisterTaskDefinitionRequest {
                container_definitions: Some(vec![huge]),
                ..fargate_request("web")
            },
            "Max allowed length is '65536' bytes.",
        ),
        (
            RegisterTaskDefinitionRequest {
                memory: Some("4096".into()),
                ..fargate_request("web")
            },
            "No Fargate configuration exists for given values.",
        ),
        (
            RegisterTaskDefinitionRequest {
                tags: Some(vec![tag("aws:a", "")]),
                ..fargate_request("web")
            },
            "aws:",
        ),
        (
            RegisterTaskDefinitionRequest {
                family: Some("a/b".into()),
                ..fargate_request("web")
            },
            "Family contains invalid characters.",
        ),
    ];
    for (request, expected) in cases {
        let (_, message) = refused(world.call::<op::RegisterTaskDefinition>(request).await);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(world.fargate_definition("web").await, "web:1");
}
