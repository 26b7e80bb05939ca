//! Attributes that users put on container instances; and operations that answer without doing anything.

use api_ecs::{operations as op, types::*};

use crate::world::{World, refused, registration};

fn attribute(target: &str, name: &str, value: Option<&str>) -> Attribute {
    Attribute {
        name: Some(name.into()),
        value: value.map(Into::into),
        target_id: Some(target.into()),
        target_type: Some(TargetType::CONTAINER_INSTANCE),
    }
}

async fn put(
    world: &World,
    attributes: Vec<Attribute>,
) -> Result<PutAttributesResponse, wire::Error> {
    let request = PutAttributesRequest {
        attributes: Some(attributes),
        cluster: None,
    };
    world.call::<op::PutAttributes>(request).await
}

async fn named(world: &World, name: &str) -> Vec<Option<String>> {
    let request = ListAttributesRequest {
        target_type: Some(TargetType::CONTAINER_INSTANCE),
        attribute_name: Some(name.into()),
        ..ListAttributesRequest::default()
    };
    let answer = world.call::<op::ListAttributes>(request).await.unwrap();
    let found = answer.attributes.unwrap().into_iter();
    found.map(|attribute| attribute.value).collect()
}

#[tokio::test]
async fn an_attribute_from_first_to_last() {
    let world = World::new().await;
    let arn = world.container_instance("n", "default", 1024, 1024).await;
    let id = arn.rsplit('/').next().unwrap();
    put(&world, vec![attribute(id, "stack", Some("blue"))])
        .await
        .unwrap();
    let changed = put(&world, vec![attribute(&arn, "stack", Some("green"))])
        .await
        .unwrap();
    let changed = &changed.attributes.unwrap()[0];
    assert_eq!(changed.target_id.as_ref(), Some(&arn));
    assert_eq!(named(&world, "stack").await, [Some("green".to_owned())]);
    assert_eq!(named(&world, "ecs.os-type").await.len(), 1, "the agent's");

    // It outlives the agent's next registration.
    let mut again = registration("default", "container-instance", 1024, 1024);
    again.container_instance_arn = Some(arn.clone());
    world.register("n", again).await;
    assert_eq!(named(&world, "stack").await.len(), 1);

    let delete = |value: &str| DeleteAttributesRequest {
        attributes: Some(vec![attribute(&arn, "stack", Some(value))]),
        cluster: None,
    };
    let other = world.call::<op::DeleteAttributes>(delete("blue")).await;
    assert_eq!(other.unwrap().attributes, Some(vec![]));
    let gone = world.call::<op::DeleteAttributes>(delete("green")).await;
    assert_eq!(gone.unwrap().attributes.unwrap().len(), 1);
    assert!(named(&world, "stack").await.is_empty());
}

#[tokio::test]
async fn attributes_are_checked() {
    let world = World::new().await;
    let arn = world.container_instance("n", "default", 1024, 1024).await;
    for (asked, code) in [
        (attribute(&arn, "", None), "InvalidParameterException"),
        (attribute(&arn, "a b", None), "InvalidParameterException"),
        (attribute(&arn, "ecs.x", None), "InvalidParameterException"),
        (
            attribute(&arn, "a", Some(" b")),
            "InvalidParameterException",
        ),
        (attribute("", "a", None), "InvalidParameterException"),
        (
            attribute(&"0".repeat(32), "a", None),
            "TargetNotFoundException",
        ),
    ] {
        assert_eq!(
            refused(put(&world, vec![asked.clone()]).await).0,
            code,
            "{asked:?}"
        );
    }
    let many = (0..10).map(|n| attribute(&arn, &format!("a{n}"), None));
    put(&world, many.collect()).await.unwrap();
    let more = put(&world, vec![attribute(&arn, "more", None)]).await;
    assert_eq!(refused(more).0, "AttributeLimitExceededException");
}

#[tokio::test]
async fn no_service_has_a_namespace_and_no_agent_an_update() {
    let world = World::new().await;
    let list = |namespace: &str| ListServicesByNamespaceRequest {
        namespace: Some(namespace.into()),
        ..ListServicesByNamespaceRequest::default()
    };
    let answer = world
        .call::<op::ListServicesByNamespace>(list("internal"))
        .await
        .unwrap();
    assert_eq!(answer.service_arns, Some(vec![]));
    let wrong = world
        .call::<op::ListServicesByNamespace>(list("no space allowed"))
        .await;
    assert_eq!(refused(wrong).0, "NamespaceNotFoundException");

    let arn = world.container_instance("n", "default", 1024, 1024).await;
    let update = |instance: &str| UpdateContainerAgentRequest {
        cluster: None,
        container_instance: Some(instance.into()),
    };
    let answer = world.call::<op::UpdateContainerAgent>(update(&arn)).await;
    assert_eq!(refused(answer).0, "NoUpdateAvailableException");
    let missing = world.call::<op::UpdateContainerAgent>(update("x")).await;
    assert_eq!(refused(missing).0, "InvalidParameterException");
}
