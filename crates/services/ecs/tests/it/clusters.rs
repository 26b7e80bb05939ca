use api_ecs::{operations as op, types::*};

use crate::world::{World, refused, tag};

fn create(name: &str) -> CreateClusterRequest {
    CreateClusterRequest {
        cluster_name: Some(name.into()),
        ..CreateClusterRequest::default()
    }
}

fn describe(names: &[&str], include: &[ClusterField]) -> DescribeClustersRequest {
    DescribeClustersRequest {
        clusters: Some(names.iter().map(|name| name.to_string()).collect()),
        include: Some(include.to_vec()),
    }
}

fn item(provider: &str, weight: i32, base: i32) -> CapacityProviderStrategyItem {
    CapacityProviderStrategyItem {
        capacity_provider: Some(provider.into()),
        weight: Some(weight),
        base: Some(base),
    }
}

#[tokio::test]
async fn a_cluster_from_first_to_last() {
    let world = World::new().await;
    let request = CreateClusterRequest {
        tags: Some(vec![tag("team", "blue")]),
        capacity_providers: Some(vec!["FARGATE".into()]),
        default_capacity_provider_strategy: Some(vec![item("FARGATE", 1, 0)]),
        ..create("prod")
    };
    let made = world
        .call::<op::CreateCluster>(request.clone())
        .await
        .unwrap()
        .cluster
        .unwrap();
    assert_eq!(
        made.cluster_arn.as_deref(),
        Some("arn:aws:ecs:us-east-1:123456789012:cluster/prod")
    );
    assert_eq!(made.tags, Some(vec![tag("team", "blue")]));

    // The same again is the same; others are a conflict; a bare request agrees with anything.
    assert!(world.call::<op::CreateCluster>(request).await.is_ok());
    assert!(
        world
            .call::<op::CreateCluster>(create("prod"))
            .await
            .is_ok()
    );
    let other = CreateClusterRequest {
        tags: Some(vec![tag("team", "red")]),
        ..create("prod")
    };
    let (code, message) = refused(world.call::<op::CreateCluster>(other).await);
    assert_eq!(code, "InvalidParameterException");
    assert!(message.starts_with("Arguments on this idempotent request are inconsistent"));

    let answer = world
        .call::<op::DescribeClusters>(describe(&["prod", "nowhere"], &[]))
        .await
        .unwrap();
    let shown = &answer.clusters.unwrap()[0];
    assert_eq!(
        (shown.tags.as_deref(), shown.settings.as_deref()),
        (Some(&[][..]), Some(&[][..]))
    );
    let failure = &answer.failures.unwrap()[0];
    assert_eq!(failure.reason.as_deref(), Some("MISSING"));
    assert_eq!(
        failure.arn.as_deref(),
        Some("arn:aws:ecs:us-east-1:123456789012:cluster/nowhere")
    );

    let delete = DeleteClusterRequest {
        cluster: made.cluster_arn.clone(),
    };
    let gone = world
        .call::<op::DeleteCluster>(delete.clone())
        .await
        .unwrap()
        .cluster
        .unwrap();
    assert_eq!(gone.status.as_deref(), Some("INACTIVE"));
    assert_eq!(
        refused(world.call::<op::DeleteCluster>(delete).await).0,
        "ClusterNotFoundException"
    );
    let answer = world
        .call::<op::DescribeClusters>(describe(&["prod"], &[]))
        .await
        .unwrap();
    assert_eq!(
        answer.clusters.unwrap()[0].status.as_deref(),
        Some("INACTIVE")
    );

    // The name is free again, and the new cluster has nothing of the old.
    let fresh = world
        .call::<op::CreateCluster>(create("prod"))
        .await
        .unwrap()
        .cluster
        .unwrap();
    assert_eq!(
        (fresh.status.as_deref(), fresh.tags),
        (Some("ACTIVE"), Some(vec![]))
    );
}

#[tokio::test]
async fn include_shows_more() {
    let world = World::new().await;
    let include = [
        ClusterField::TAGS,
        ClusterField::SETTINGS,
        ClusterField::STATISTICS,
        ClusterField::CONFIGURATIONS,
        ClusterField::ATTACHMENTS,
    ];
    let answer = world
        .call::<op::DescribeClusters>(describe(&["default"], &include))
        .await
        .unwrap();
    let cluster = &answer.clusters.unwrap()[0];
    let statistics = cluster.statistics.as_deref().unwrap();
    assert_eq!(statistics.len(), 12);
    assert!(statistics.iter().any(
        |pair| pair.name.as_deref() == Some("runningFargateTasksCount")
            && pair.value.as_deref() == Some("0")
    ));
    let (code, _) = refused(
        world
            .call::<op::DescribeClusters>(describe(&["default"], &["ALL".into()]))
            .await,
    );
    assert_eq!(code, "InvalidParameterException");
}

#[tokio::test]
async fn what_is_no_cluster_is_refused() {
    let world = World::new().await;
    let cases: Vec<(CreateClusterRequest, &str)> = vec![
        (create("a b"), "Cluster name"),
        (create(&"a".repeat(256)), "Cluster name"),
        (
            CreateClusterRequest {
                capacity_providers: Some(vec!["mine".into()]),
                ..create("x")
            },
            "was not found",
        ),
        (
            CreateClusterRequest {
                default_capacity_provider_strategy: Some(vec![item("FARGATE", 1, 0)]),
                ..create("x")
            },
            "not associated",
        ),
        (
            CreateClusterRequest {
                tags: Some(vec![tag("aws:x", "y")]),
                ..create("x")
            },
            "aws:",
        ),
        (
            CreateClusterRequest {
                service_connect_defaults: Some(ClusterServiceConnectDefaultsRequest {
                    namespace: Some("n".into()),
                }),
                ..create("x")
            },
            "serviceConnectDefaults",
        ),
    ];
    for (request, expected) in cases {
        let (_, message) = refused(world.call::<op::CreateCluster>(request).await);
        assert!(
            message.contains(expected),
            "{message} should say {expected}"
        );
    }
}

#[tokio::test]
async fn capacity_providers_and_settings_can_change() {
    let world = World::new().await;
    world.call::<op::CreateCluster>(create("c")).await.unwrap();
    let put = PutClusterCapacityProvidersRequest {
        cluster: Some("c".into()),
        capacity_providers: Some(vec!["FARGATE".into(), "FARGATE_SPOT".into()]),
        default_capacity_provider_strategy: Some(vec![
            item("FARGATE", 1, 2),
            item("FARGATE_SPOT", 3, 0),
        ]),
    };
    let cluster = world
        .call::<op::PutClusterCapacityProviders>(put.clone())
        .await
        .unwrap()
        .cluster
        .unwrap();
    assert_eq!(
        cluster.default_capacity_provider_strategy,
        put.default_capacity_provider_strategy
    );
    let half = PutClusterCapacityProvidersRequest {
        default_capacity_provider_strategy: None,
        ..put.clone()
    };
    assert_eq!(
        refused(world.call::<op::PutClusterCapacityProviders>(half).await).0,
        "InvalidParameterException"
    );
    let zero = PutClusterCapacityProvidersRequest {
        default_capacity_provider_strategy: Some(vec![
            item("FARGATE", 0, 0),
            item("FARGATE_SPOT", 0, 0),
        ]),
        ..put
    };
    assert_eq!(
        refused(world.call::<op::PutClusterCapacityProviders>(zero).await).0,
        "InvalidParameterException"
    );

    let setting = |value: &str| ClusterSetting {
        name: Some(ClusterSettingName::CONTAINER_INSIGHTS),
        value: Some(value.into()),
    };
    let settings = |value| UpdateClusterSettingsRequest {
        cluster: Some("c".into()),
        settings: Some(vec![setting(value)]),
    };
    let cluster = world
        .call::<op::UpdateClusterSettings>(settings("disabled"))
        .await
        .unwrap()
        .cluster
        .unwrap();
    assert_eq!(cluster.settings, Some(vec![setting("disabled")]));
    let (code, message) = refused(
        world
            .call::<op::UpdateClusterSettings>(settings("enabled"))
            .await,
    );
    assert!(
        code == "ClientException" && message.contains("containerInsights"),
        "{code} {message}"
    );

    let logging = |logging: ExecuteCommandLogging| UpdateClusterRequest {
        cluster: Some("c".into()),
        configuration: Some(ClusterConfiguration {
            execute_command_configuration: Some(ExecuteCommandConfiguration {
                logging: Some(logging),
                ..ExecuteCommandConfiguration::default()
            }),
            ..ClusterConfiguration::default()
        }),
        ..UpdateClusterRequest::default()
    };
    assert!(
        world
            .call::<op::UpdateCluster>(logging(ExecuteCommandLogging::DEFAULT))
            .await
            .is_ok()
    );
    let (_, message) = refused(
        world
            .call::<op::UpdateCluster>(logging(ExecuteCommandLogging::OVERRIDE))
            .await,
    );
    assert!(
        message.contains("executeCommandConfiguration.logging"),
        "{message}"
    );
    let shown = world
        .call::<op::DescribeClusters>(describe(&["c"], &[ClusterField::CONFIGURATIONS]))
        .await
        .unwrap();
    let configuration = shown.clusters.unwrap()[0].configuration.clone().unwrap();
    assert_eq!(
        configuration.execute_command_configuration.unwrap().logging,
        Some(ExecuteCommandLogging::DEFAULT)
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    for number in 0..5 {
        world
            .call::<op::CreateCluster>(create(&format!("c{number}")))
            .await
            .unwrap();
    }
    let (mut seen, mut token) = (Vec::new(), None);
    loop {
        let request = ListClustersRequest {
            max_results: Some(2),
            next_token: token,
        };
        let answer = world.call::<op::ListClusters>(request).await.unwrap();
        seen.extend(answer.cluster_arns.unwrap());
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.is_sorted());
    let bad = ListClustersRequest {
        next_token: Some("*".into()),
        ..ListClustersRequest::default()
    };
    assert_eq!(
        refused(world.call::<op::ListClusters>(bad).await).0,
        "InvalidParameterException"
    );
}

#[tokio::test]
async fn a_cluster_with_container_instances_is_not_deleted() {
    let world = World::new().await;
    world.container_instance("n1", "default", 2048, 4096).await;
    let delete = DeleteClusterRequest {
        cluster: Some("default".into()),
    };
    let (code, message) = refused(world.call::<op::DeleteCluster>(delete).await);
    assert_eq!(code, "ClusterContainsContainerInstancesException");
    assert_eq!(
        message,
        "The Cluster cannot be deleted while Container Instances are active or draining."
    );
    let shown = world
        .call::<op::DescribeClusters>(DescribeClustersRequest::default())
        .await
        .unwrap();
    assert_eq!(
        shown.clusters.unwrap()[0].registered_container_instances_count,
        Some(1)
    );
}

#[tokio::test]
async fn arns_of_others_are_refused() {
    let world = World::new().await;
    let delete = DeleteClusterRequest {
        cluster: Some("arn:aws:ecs:us-east-1:999999999999:cluster/default".into()),
    };
    let (code, message) = refused(world.call::<op::DeleteCluster>(delete).await);
    assert_eq!(code, "InvalidParameterException");
    assert_eq!(
        message,
        "Identifier is for 999999999999. Your accountId is 123456789012"
    );
}

#[tokio::test]
async fn capacity_providers_are_described() {
    let world = World::new().await;
    let all = world
        .call::<op::DescribeCapacityProviders>(DescribeCapacityProvidersRequest::default())
        .await
        .unwrap();
    let names: Vec<_> = all
        .capacity_providers
        .unwrap()
        .into_iter()
        .map(|provider| provider.name.unwrap())
        .collect();
    assert_eq!(names, ["FARGATE", "FARGATE_SPOT"]);
    let named = DescribeCapacityProvidersRequest {
        capacity_providers: Some(vec![
            "arn:aws:ecs:us-east-1:123456789012:capacity-provider/FARGATE_SPOT".into(),
            "mine".into(),
        ]),
        ..DescribeCapacityProvidersRequest::default()
    };
    let answer = world
        .call::<op::DescribeCapacityProviders>(named)
        .await
        .unwrap();
    let found = answer.capacity_providers.unwrap();
    assert_eq!(
        (found.len(), found[0].name.as_deref()),
        (1, Some("FARGATE_SPOT"))
    );
    assert_eq!(
        answer.failures.unwrap()[0].arn.as_deref(),
        Some("arn:aws:ecs:us-east-1:123456789012:capacity-provider/mine")
    );
}

#[tokio::test]
async fn a_cluster_with_tasks_or_services_is_not_deleted() {
    let (world, _agent, definition) = crate::run_task::ready().await;
    let delete = DeleteClusterRequest {
        cluster: Some("default".into()),
    };
    let run = crate::run_task::request(&world, &definition);
    world.call::<op::RunTask>(run).await.unwrap();
    let (code, message) = refused(world.call::<op::DeleteCluster>(delete.clone()).await);
    assert_eq!(code, "ClusterContainsTasksException");
    assert_eq!(
        message,
        "The Cluster cannot be deleted while Tasks are active."
    );
    let create = CreateServiceRequest {
        service_name: Some("web".into()),
        task_definition: Some(definition),
        desired_count: Some(0),
        network_configuration: Some(crate::run_task::network(&world)),
        ..CreateServiceRequest::default()
    };
    world.call::<op::CreateService>(create).await.unwrap();
    let (code, message) = refused(world.call::<op::DeleteCluster>(delete).await);
    assert_eq!(code, "ClusterContainsServicesException");
    assert_eq!(
        message,
        "The Cluster cannot be deleted while Services are active."
    );

    let include = [ClusterField::STATISTICS];
    let answer = world
        .call::<op::DescribeClusters>(describe(&["default"], &include))
        .await
        .unwrap();
    let cluster = &answer.clusters.unwrap()[0];
    assert_eq!(cluster.pending_tasks_count, Some(1));
    assert_eq!(cluster.active_services_count, Some(1));
    let statistic = |name: &str| {
        let all = cluster.statistics.as_deref().unwrap();
        let found = all.iter().find(|pair| pair.name.as_deref() == Some(name));
        found.unwrap().value.clone().unwrap()
    };
    assert_eq!(statistic("pendingFargateTasksCount"), "1");
    assert_eq!(statistic("activeFargateServiceCount"), "1");
    assert_eq!(statistic("activeEC2ServiceCount"), "0");
}

#[tokio::test]
async fn a_capacity_provider_in_use_stays() {
    let (world, _agent, definition) = crate::run_task::ready().await;
    let put = |providers: &[&str]| PutClusterCapacityProvidersRequest {
        cluster: Some("default".into()),
        capacity_providers: Some(providers.iter().map(|name| name.to_string()).collect()),
        default_capacity_provider_strategy: Some(vec![]),
    };
    let run = crate::run_task::request(&world, &definition);
    world.call::<op::RunTask>(run).await.unwrap();
    let result = world
        .call::<op::PutClusterCapacityProviders>(put(&["FARGATE_SPOT"]))
        .await;
    assert_eq!(refused(result).0, "ResourceInUseException");
    // The one that nothing runs on can go.
    world
        .call::<op::PutClusterCapacityProviders>(put(&["FARGATE"]))
        .await
        .unwrap();
}
