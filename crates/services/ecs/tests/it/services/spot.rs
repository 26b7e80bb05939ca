//! Services on FARGATE_SPOT.

use api_ecs::{operations as op, types::*};

use super::{Cluster, create};

#[tokio::test(start_paused = true)]
async fn spot_tasks_are_interrupted_and_replaced() {
    let mut cluster = Cluster::new().await;
    let providers = PutClusterCapacityProvidersRequest {
        cluster: Some("default".into()),
        capacity_providers: Some(vec!["FARGATE".into(), "FARGATE_SPOT".into()]),
        default_capacity_provider_strategy: Some(vec![]),
    };
    cluster
        .world
        .call::<op::PutClusterCapacityProviders>(providers)
        .await
        .unwrap();
    let item = |provider: &str, base: i32, weight: i32| CapacityProviderStrategyItem {
        capacity_provider: Some(provider.into()),
        base: Some(base),
        weight: Some(weight),
    };
    let request = CreateServiceRequest {
        launch_type: None,
        capacity_provider_strategy: Some(vec![item("FARGATE", 1, 0), item("FARGATE_SPOT", 0, 1)]),
        ..cluster.request("web", 3)
    };
    create(&cluster.world, request).await;
    cluster.settle().await;
    let before = cluster.running();
    assert_eq!(before.len(), 3);
    let node = cluster.world.store.read(|head| {
        let mut nodes = head.scan::<service_ecs::records::ContainerInstanceRecord>("");
        state::Record::key(&**nodes.next().unwrap())
    });
    let interrupted = cluster
        .world
        .ecs
        .interrupt_spot_tasks(&node.head())
        .await
        .unwrap();
    assert_eq!(interrupted.len(), 2, "the base runs on FARGATE");
    let described = cluster
        .world
        .call::<op::DescribeTasks>(DescribeTasksRequest {
            tasks: Some(interrupted.clone()),
            ..DescribeTasksRequest::default()
        })
        .await
        .unwrap();
    for task in described.tasks.unwrap() {
        assert_eq!(task.stop_code, Some(TaskStopCode::SPOT_INTERRUPTION));
        assert_eq!(
            task.stopped_reason.as_deref(),
            Some("Your Spot Task was interrupted.")
        );
        assert_eq!(task.desired_status.as_deref(), Some("STOPPED"));
    }
    cluster.settle().await;
    let after = cluster.running();
    assert_eq!(after.len(), 3);
    assert!(interrupted.iter().all(|task| !after.contains(task)));
    assert_eq!(after.iter().filter(|task| before.contains(task)).count(), 1);
}
