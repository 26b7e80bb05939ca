use api_ecs::{operations as op, types::*};

use crate::world::{World, node, refused, registration, tag};

fn describe(arn: &str, cluster: &str) -> DescribeContainerInstancesRequest {
    DescribeContainerInstancesRequest {
        cluster: Some(cluster.into()),
        container_instances: Some(vec![arn.into()]),
        include: Some(vec![
            ContainerInstanceField::TAGS,
            ContainerInstanceField::CONTAINER_INSTANCE_HEALTH,
        ]),
    }
}

async fn listed(world: &World, status: Option<&str>) -> Vec<String> {
    let request = ListContainerInstancesRequest {
        status: status.map(Into::into),
        ..ListContainerInstancesRequest::default()
    };
    world
        .call::<op::ListContainerInstances>(request)
        .await
        .unwrap()
        .container_instance_arns
        .unwrap()
}

#[tokio::test]
async fn a_container_instance_from_first_to_last() {
    let world = World::new().await;
    let mut request = registration("default", "container-instance", 2048, 3900);
    request.tags = Some(vec![tag("rack", "7")]);
    let sent = request.attributes.clone().unwrap();
    let answer = world
        .call_as::<op::RegisterContainerInstance>(&node("n1"), request)
        .await
        .unwrap();
    let instance = answer.container_instance.unwrap();
    let arn = instance.container_instance_arn.clone().unwrap();
    assert!(arn.starts_with("arn:aws:ecs:us-east-1:123456789012:container-instance/default/"));
    // Amazon's agent stops for good when an attribute does not come back.
    let echoed = instance.attributes.unwrap();
    for attribute in sent {
        assert!(echoed.contains(&attribute), "{attribute:?}");
    }
    assert!(
        echoed
            .iter()
            .any(|attribute| attribute.name.as_deref() == Some("ecs.availability-zone"))
    );

    let shown = world
        .call::<op::DescribeContainerInstances>(describe(&arn, "default"))
        .await
        .unwrap();
    let shown = &shown.container_instances.unwrap()[0];
    assert_eq!(
        (shown.status.as_deref(), shown.agent_connected),
        (Some("ACTIVE"), Some(false))
    );
    assert_eq!(shown.tags, Some(vec![tag("rack", "7")]));
    assert_eq!(
        shown.health_status.as_ref().unwrap().overall_status,
        Some(InstanceHealthCheckState::IMPAIRED)
    );
    let cpu = &shown.remaining_resources.as_deref().unwrap()[0];
    assert_eq!(
        (cpu.name.as_deref(), cpu.integer_value),
        (Some("CPU"), Some(2048))
    );
    assert_eq!(listed(&world, None).await, std::slice::from_ref(&arn));
    assert!(listed(&world, Some("DRAINING")).await.is_empty());

    let deregister = DeregisterContainerInstanceRequest {
        container_instance: Some(arn.rsplit('/').next().unwrap().into()),
        ..DeregisterContainerInstanceRequest::default()
    };
    let gone = world
        .call::<op::DeregisterContainerInstance>(deregister.clone())
        .await
        .unwrap();
    assert_eq!(
        gone.container_instance.unwrap().status.as_deref(),
        Some("INACTIVE")
    );
    assert!(listed(&world, None).await.is_empty());
    let (code, message) = refused(
        world
            .call::<op::DeregisterContainerInstance>(deregister)
            .await,
    );
    assert!(code == "InvalidParameterException" && message.contains("not found"));
    let shown = world
        .call::<op::DescribeContainerInstances>(describe(&arn, "default"))
        .await
        .unwrap();
    assert_eq!(
        shown.container_instances.unwrap()[0].status.as_deref(),
        Some("INACTIVE")
    );
}

#[tokio::test]
async fn a_node_that_comes_back_is_the_same_instance() {
    let world = World::new().await;
    let arn = world.container_instance("n1", "default", 2048, 3900).await;
    let mut again = registration("default", "container-instance", 4096, 3900);
    again.container_instance_arn = Some(arn.clone());
    assert_eq!(world.register("n1", again.clone()).await, arn);
    let shown = world
        .call::<op::DescribeContainerInstances>(describe(&arn, "default"))
        .await
        .unwrap();
    let registered = shown.container_instances.unwrap()[0]
        .registered_resources
        .clone()
        .unwrap();
    assert_eq!(registered[0].integer_value, Some(4096));

    // Another node's ARN is nobody else's.
    let (code, _) = refused(
        world
            .call_as::<op::RegisterContainerInstance>(&node("n2"), again.clone())
            .await,
    );
    assert_eq!(code, "InvalidParameterException");
    // Nor can the node become another kind of capacity under the same ARN.
    let mut serverless = registration("", "serverless", 4096, 3900);
    serverless.container_instance_arn = Some(arn.clone());
    let (_, message) = refused(
        world
            .call_as::<op::RegisterContainerInstance>(&node("n1"), serverless)
            .await,
    );
    assert!(message.starts_with("Container instance type changes are not supported."));
    // A node without its state is a new instance; the old one is gone.
    let new = world.container_instance("n1", "default", 2048, 3900).await;
    assert_ne!(new, arn);
    assert_eq!(listed(&world, None).await, [new]);
}

#[tokio::test]
async fn a_registration_that_arrives_twice_is_one() {
    let world = World::new().await;
    let with_token = |token: &str| RegisterContainerInstanceRequest {
        client_token: Some(token.into()),
        ..registration("default", "container-instance", 2048, 3900)
    };
    let first = world.register("n1", with_token("a")).await;
    assert_eq!(world.register("n1", with_token("a")).await, first);
    assert_eq!(listed(&world, None).await, std::slice::from_ref(&first));
    // Without its state the node registers anew; the first request, late, does not take that back.
    let second = world.register("n1", with_token("b")).await;
    assert_ne!(second, first);
    assert_eq!(world.register("n1", with_token("a")).await, first);
    assert_eq!(listed(&world, None).await, std::slice::from_ref(&second));
    // Nor does a late one bring back what was deregistered.
    let mut again = with_token("c");
    again.container_instance_arn = Some(second.clone());
    assert_eq!(world.register("n1", again.clone()).await, second);
    let request = DeregisterContainerInstanceRequest {
        container_instance: Some(second.clone()),
        ..DeregisterContainerInstanceRequest::default()
    };
    world
        .call::<op::DeregisterContainerInstance>(request)
        .await
        .unwrap();
    assert_eq!(world.register("n1", again).await, second);
    assert!(listed(&world, None).await.is_empty());
    // Tokens of one node mean nothing to another.
    let other = world.register("n2", with_token("a")).await;
    assert_eq!(listed(&world, None).await, [other]);
}

#[tokio::test]
async fn serverless_capacity_is_hidden_from_users() {
    let world = World::new().await;
    let arn = world.serverless_node("s1", 8192, 16384).await;
    assert!(arn.starts_with("arn:aws:ecs:us-east-1:123456789012:container-instance/"));
    assert!(listed(&world, None).await.is_empty());
    let shown = world
        .call::<op::DescribeContainerInstances>(describe(&arn, "default"))
        .await
        .unwrap();
    assert_eq!(
        shown.failures.unwrap()[0].reason.as_deref(),
        Some("MISSING")
    );
    let clusters = world
        .call::<op::DescribeClusters>(DescribeClustersRequest::default())
        .await
        .unwrap();
    assert_eq!(
        clusters.clusters.unwrap()[0].registered_container_instances_count,
        Some(0)
    );
    let deregister = DeregisterContainerInstanceRequest {
        container_instance: Some(arn.clone()),
        ..DeregisterContainerInstanceRequest::default()
    };
    assert!(
        world
            .call::<op::DeregisterContainerInstance>(deregister.clone())
            .await
            .is_err()
    );
    // Its own node comes back to it, and takes its leave.
    let mut again = registration("", "serverless", 8192, 16384);
    again.container_instance_arn = Some(arn.clone());
    assert_eq!(world.register("s1", again).await, arn);
    assert!(
        world
            .call_as::<op::DeregisterContainerInstance>(&node("s1"), deregister)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn registrations_that_are_refused() {
    let world = World::new().await;
    let request = registration("default", "container-instance", 2048, 3900);
    let (code, _) = refused(
        world
            .call::<op::RegisterContainerInstance>(request.clone())
            .await,
    );
    assert_eq!(code, "AccessDeniedException");
    let nowhere = registration("nowhere", "container-instance", 2048, 3900);
    let (code, message) = refused(
        world
            .call_as::<op::RegisterContainerInstance>(&node("n"), nowhere)
            .await,
    );
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("ClusterNotFoundException", "Cluster not found.")
    );
    let mut gpu = request;
    gpu.platform_devices = Some(vec![PlatformDevice::default()]);
    let (_, message) = refused(
        world
            .call_as::<op::RegisterContainerInstance>(&node("n"), gpu)
            .await,
    );
    assert!(message.contains("platformDevices"));
}

#[tokio::test]
async fn the_cluster_query_language_filters() {
    let world = World::new().await;
    let small = world
        .container_instance("small", "default", 1024, 2048)
        .await;
    let large = world
        .container_instance("large", "default", 4096, 8192)
        .await;
    let rack = Attribute {
        name: Some("rack".into()),
        value: Some("r7".into()),
        target_id: Some(large.clone()),
        ..Attribute::default()
    };
    let put = PutAttributesRequest {
        attributes: Some(vec![rack]),
        ..PutAttributesRequest::default()
    };
    world.call::<op::PutAttributes>(put).await.unwrap();
    let filtered = async |filter: &str| {
        let request = ListContainerInstancesRequest {
            filter: Some(filter.into()),
            ..ListContainerInstancesRequest::default()
        };
        let answer = world.call::<op::ListContainerInstances>(request).await;
        answer.map(|answer| {
            let mut arns = answer.container_instance_arns.unwrap();
            arns.sort();
            arns
        })
    };
    let mut both = vec![small.clone(), large.clone()];
    both.sort();
    for (filter, expected) in [
        ("attribute:ecs.os-type == linux", &both),
        ("attribute:rack == r7", &vec![large.clone()]),
        ("attribute:rack !exists", &vec![small.clone()]),
        ("agentConnected == true", &vec![]),
        (
            "runningTasksCount == 0 and registeredAt > 2020-01-01",
            &both,
        ),
        ("task:group == family:x", &vec![]),
        ("not (task:group == family:x)", &both),
        (" ", &both),
    ] {
        assert_eq!(&filtered(filter).await.unwrap(), expected, "{filter}");
    }
    let (code, message) = refused(filtered("rack == r7").await);
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(
        message,
        "Invalid filter 'rack == r7': 'rack' is not a subject (at character 1)."
    );
}

#[tokio::test]
async fn agents_are_told_where_to_connect() {
    let world = World::new().await;
    let answer = world
        .call_as::<op::DiscoverPollEndpoint>(&node("n"), DiscoverPollEndpointRequest::default())
        .await
        .unwrap();
    assert_eq!(
        answer.endpoint.as_deref(),
        Some("http://127.0.0.1:4580/acs/")
    );
    assert_eq!(
        answer.telemetry_endpoint.as_deref(),
        Some("http://127.0.0.1:4580/tcs/")
    );
}
