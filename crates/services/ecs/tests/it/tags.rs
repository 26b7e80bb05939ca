use api_ecs::{operations as op, types::*};

use crate::world::{World, refused, tag};

async fn tags_of(world: &World, arn: &str) -> Vec<Tag> {
    let request = ListTagsForResourceRequest {
        resource_arn: Some(arn.into()),
    };
    world
        .call::<op::ListTagsForResource>(request)
        .await
        .unwrap()
        .tags
        .unwrap()
}

fn tagging(arn: &str, tags: &[(&str, &str)]) -> TagResourceRequest {
    TagResourceRequest {
        resource_arn: Some(arn.into()),
        tags: Some(tags.iter().map(|(key, value)| tag(key, value)).collect()),
    }
}

#[tokio::test]
async fn every_kind_of_record_has_tags() {
    let world = World::new().await;
    world.fargate_definition("web").await;
    let instance = world.container_instance("n1", "default", 1024, 1024).await;
    let arns = [
        "arn:aws:ecs:us-east-1:123456789012:cluster/default".to_owned(),
        "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1".to_owned(),
        instance,
    ];
    for arn in &arns {
        assert!(tags_of(&world, arn).await.is_empty());
        world
            .call::<op::TagResource>(tagging(arn, &[("a", "1"), ("b", "2")]))
            .await
            .unwrap();
        world
            .call::<op::TagResource>(tagging(arn, &[("b", "3")]))
            .await
            .unwrap();
        assert_eq!(tags_of(&world, arn).await, [tag("a", "1"), tag("b", "3")]);
        let untag = UntagResourceRequest {
            resource_arn: Some(arn.clone()),
            tag_keys: Some(vec!["a".into(), "zzz".into()]),
        };
        world.call::<op::UntagResource>(untag).await.unwrap();
        assert_eq!(tags_of(&world, arn).await, [tag("b", "3")]);
    }
}

#[tokio::test]
async fn what_cannot_be_tagged() {
    let world = World::new().await;
    let cases = [
        (
            "arn:aws:ecs:us-east-1:123456789012:cluster/nowhere",
            "ClusterNotFoundException",
        ),
        (
            "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1",
            "ResourceNotFoundException",
        ),
        (
            "arn:aws:ecs:us-east-1:123456789012:service/default/web",
            "ResourceNotFoundException",
        ),
        (
            "arn:aws:ecs:us-east-1:123456789012:service/web",
            "InvalidParameterException",
        ),
        ("arn:aws:s3:::bucket", "InvalidParameterException"),
        ("default", "InvalidParameterException"),
        (
            "arn:aws:ecs:us-east-1:123456789012:capacity-provider/FARGATE",
            "InvalidParameterException",
        ),
        (
            "arn:aws:ecs:us-east-1:999999999999:cluster/default",
            "InvalidParameterException",
        ),
    ];
    for (arn, expected) in cases {
        let (code, message) = refused(
            world
                .call::<op::TagResource>(tagging(arn, &[("a", "1")]))
                .await,
        );
        assert_eq!(code, expected, "{arn}: {message}");
    }
}

#[tokio::test]
async fn the_rules_of_tags() {
    let world = World::new().await;
    let arn = "arn:aws:ecs:us-east-1:123456789012:cluster/default";
    for bad in [("aws:x", "1"), ("", "1"), ("a", "<>")] {
        assert_eq!(
            refused(world.call::<op::TagResource>(tagging(arn, &[bad])).await).0,
            "InvalidParameterException"
        );
    }
    let many: Vec<(String, String)> = (0..50)
        .map(|number| (format!("k{number}"), String::new()))
        .collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    world
        .call::<op::TagResource>(tagging(arn, &many))
        .await
        .unwrap();
    let (_, message) = refused(
        world
            .call::<op::TagResource>(tagging(arn, &[("one", "more")]))
            .await,
    );
    assert!(message.starts_with("Too many tags."));
    assert_eq!(tags_of(&world, arn).await.len(), 50);
}

#[tokio::test]
async fn tasks_and_services_have_tags_too() {
    let (world, _agent, definition) = crate::run_task::ready().await;
    let run = crate::run_task::request(&world, &definition);
    let task = world.call::<op::RunTask>(run).await.unwrap();
    let create = CreateServiceRequest {
        service_name: Some("web".into()),
        task_definition: Some(definition),
        desired_count: Some(0),
        network_configuration: Some(crate::run_task::network(&world)),
        ..CreateServiceRequest::default()
    };
    let service = world.call::<op::CreateService>(create).await.unwrap();
    let arns = [
        task.tasks.unwrap()[0].task_arn.clone().unwrap(),
        service.service.unwrap().service_arn.unwrap(),
    ];
    for arn in &arns {
        world
            .call::<op::TagResource>(tagging(arn, &[("a", "1")]))
            .await
            .unwrap();
        assert_eq!(tags_of(&world, arn).await, [tag("a", "1")]);
    }
}
