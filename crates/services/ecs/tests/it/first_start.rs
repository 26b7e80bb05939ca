use api_ecs::{operations as op, types::*};

use crate::world::World;

#[tokio::test]
async fn the_default_cluster_and_subnet_are_there_and_stay_the_same() {
    let world = World::new().await;
    let again = world.ecs.bootstrap().await.unwrap();
    assert_eq!(again, world.defaults);
    let id = world.defaults.subnet_id.strip_prefix("subnet-").unwrap();
    assert!(id.len() == 17 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));

    let answer = world
        .call::<op::DescribeClusters>(DescribeClustersRequest::default())
        .await
        .unwrap();
    let cluster = &answer.clusters.unwrap()[0];
    assert_eq!(cluster.cluster_name.as_deref(), Some("default"));
    assert_eq!(cluster.status.as_deref(), Some("ACTIVE"));
    assert_eq!(
        cluster.capacity_providers.as_deref().unwrap(),
        ["FARGATE", "FARGATE_SPOT"]
    );
    let strategy = &cluster
        .default_capacity_provider_strategy
        .as_deref()
        .unwrap()[0];
    assert_eq!(strategy.capacity_provider.as_deref(), Some("FARGATE"));
    assert_eq!((strategy.weight, strategy.base), (Some(1), Some(0)));
}

#[tokio::test]
async fn a_deleted_default_cluster_stays_deleted() {
    let world = World::new().await;
    let delete = DeleteClusterRequest {
        cluster: Some("default".into()),
    };
    world.call::<op::DeleteCluster>(delete).await.unwrap();
    world.ecs.bootstrap().await.unwrap();
    let listed = world
        .call::<op::ListClusters>(ListClustersRequest::default())
        .await
        .unwrap();
    assert_eq!(listed.cluster_arns, Some(vec![]));
    let answer = world
        .call::<op::DescribeClusters>(DescribeClustersRequest::default())
        .await
        .unwrap();
    assert_eq!(
        answer.clusters.unwrap()[0].status.as_deref(),
        Some("INACTIVE")
    );
}
